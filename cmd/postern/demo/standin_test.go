package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// standIn is a gateway reduced to what the walk can see, so that a test can
// make it misbehave in one way and watch the walk say so. It trusts its
// clients and decodes everything it patches.
type standIn struct {
	tls       *tls.Config
	o         Options
	env       map[string]string
	auth      tls.ClientAuthType
	posted    string // what the admin API answers to a POST
	hideTopic string // left out of Metadata
	denyWrite bool   // produce is answered with TOPIC_AUTHORIZATION_FAILED
	notReady  error
	noTopics  bool

	listeners []net.Listener
	http      *http.Server
	conns     sync.Map
	wg        sync.WaitGroup
}

func newStandIn() *standIn {
	return &standIn{auth: tls.RequireAndVerifyClientCert, posted: `{"message":"User mapping is created"}`}
}

// start is a starter.
func (s *standIn) start(ctx context.Context, environ []string, o Options, _ *slog.Logger) (running, error) {
	s.o, s.env = o, make(map[string]string)
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		s.env[name] = value
	}
	dir := strings.TrimSuffix(s.env["GATEWAY_SSL_KEY_STORE_PATH"], fileKeyStore)
	pair, err := tls.LoadX509KeyPair(dir+fileCertificate, dir+fileKey)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: s.auth, MinVersion: tls.VersionTLS12}
	if err := s.makeTopics(ctx); err != nil {
		return nil, err
	}
	for i := range gatewayPorts {
		ln, err := net.Listen("tcp", net.JoinHostPort(o.Bind, strconv.Itoa(o.GatewayPort+i)))
		if err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, ln)
		s.wg.Go(func() { s.accept(ln, int32(i)) })
	}
	if err := s.serveAdmin(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *standIn) makeTopics(ctx context.Context) error {
	if s.noTopics {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.env["KAFKA_BOOTSTRAP_SERVERS"], ",")...))
	if err != nil {
		return err
	}
	defer cl.Close()
	names := make([]string, stateTopicCount)
	for i := range names {
		names[i] = fmt.Sprintf("%s%02d", stateTopicPrefix, i)
	}
	_, err = kadm.NewClient(cl).CreateTopics(ctx, 1, 1, nil, names...)
	return err
}

func (s *standIn) serveAdmin() error {
	ln, err := net.Listen("tcp", net.JoinHostPort(s.o.Bind, strconv.Itoa(s.o.AdminPort)))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+mappingsPath, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != adminUser || password != adminPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, s.posted)
	})
	mux.HandleFunc("GET "+mappingsPath, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `["`+principal+`"]`)
	})
	s.http = &http.Server{Handler: mux}
	s.wg.Go(func() { _ = s.http.Serve(ln) })
	return nil
}

func (s *standIn) Ready(context.Context) error { return s.notReady }

func (s *standIn) Close(context.Context) error {
	var err error
	for _, ln := range s.listeners {
		err = errors.Join(err, ln.Close())
	}
	s.conns.Range(func(c, _ any) bool { _ = c.(io.Closer).Close(); return true })
	err = errors.Join(err, s.http.Close())
	s.wg.Wait()
	return err
}

func (s *standIn) accept(ln net.Listener, node int32) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.conns.Store(conn, nil)
		s.wg.Go(func() { s.serve(tls.Server(conn, s.tls), node) })
	}
}

// serve relays one client, a request at a time.
func (s *standIn) serve(client net.Conn, node int32) {
	defer client.Close()
	port := s.o.BrokerPort + max(int(node)-1, 0)%len(brokerIDs)
	broker, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return
	}
	defer broker.Close()
	for {
		request, err := readFrame(client)
		if err != nil {
			return
		}
		key, version := int16(binary.BigEndian.Uint16(request)), int16(binary.BigEndian.Uint16(request[2:]))
		if writeFrame(broker, request) != nil {
			return
		}
		response, err := readFrame(broker)
		if err != nil || writeFrame(client, s.patch(key, version, response)) != nil {
			return
		}
	}
}

// patch puts the gateway's addresses where the brokers' are.
func (s *standIn) patch(key, version int16, frame []byte) []byte {
	kind := kmsg.ResponseForKey(key)
	kind.SetVersion(version)
	head := 4
	if kind.IsFlexible() && key != int16(kmsg.ApiVersions) {
		head = 5
	}
	at := func(id int32) int32 { return int32(s.o.GatewayPort) + id }
	switch key {
	case int16(kmsg.Metadata), int16(kmsg.FindCoordinator), int16(kmsg.DescribeCluster), int16(kmsg.Produce):
	default:
		return frame
	}
	if kind.ReadFrom(frame[head:]) != nil {
		return nil
	}
	switch r := kind.(type) {
	case *kmsg.ProduceResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				if s.denyWrite {
					r.Topics[i].Partitions[j].ErrorCode = kerr.TopicAuthorizationFailed.Code
				}
			}
		}
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = "localhost", at(r.Brokers[i].NodeID)
		}
		for i := range r.Topics {
			if t := r.Topics[i].Topic; t != nil && *t == s.hideTopic {
				r.Topics = append(r.Topics[:i], r.Topics[i+1:]...)
				break
			}
		}
	case *kmsg.FindCoordinatorResponse:
		r.Host, r.Port = "localhost", at(r.NodeID)
		for i := range r.Coordinators {
			r.Coordinators[i].Host, r.Coordinators[i].Port = "localhost", at(r.Coordinators[i].NodeID)
		}
	case *kmsg.DescribeClusterResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = "localhost", at(r.Brokers[i].NodeID)
		}
	}
	return kind.AppendTo(frame[:head:head])
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, body)
	return body, err
}

func writeFrame(w io.Writer, body []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}
