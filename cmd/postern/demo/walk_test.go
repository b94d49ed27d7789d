package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

var update = flag.Bool("update", false, "rewrite the golden transcript")

// freeOptions returns Options for a run beside others: a folder of its own,
// with a space in its name, and ports nobody has.
func freeOptions(t *testing.T, out *bytes.Buffer) Options {
	t.Helper()
	ports, err := kafkatest.ReservePorts(gatewayPorts + len(brokerIDs) + 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	return Options{
		Once: true, Dir: filepath.Join(t.TempDir(), "demo folder"), Out: out, Bind: defaultBind,
		GatewayPort: ports.First,
		BrokerPort:  ports.First + gatewayPorts,
		AdminPort:   ports.First + gatewayPorts + len(brokerIDs),
	}
}

// settled replaces what differs from run to run: folder and ports.
func settled(o Options, transcript string) string {
	abs, _ := filepath.Abs(o.Dir)
	s := strings.ReplaceAll(transcript, abs, "DIR")
	for i := range gatewayPorts {
		s = replacePort(s, o.GatewayPort+i, "GATEWAY"+plus(i))
	}
	for i := range brokerIDs {
		s = replacePort(s, o.BrokerPort+i, "BROKER"+plus(i))
	}
	return replacePort(s, o.AdminPort, "ADMIN")
}

func replacePort(s string, port int, name string) string {
	return regexp.MustCompile(`\b`+strconv.Itoa(port)+`\b`).ReplaceAllString(s, name)
}

func plus(i int) string {
	if i == 0 {
		return ""
	}
	return "+" + strconv.Itoa(i)
}

// TestWalkAgainstStandIn shows that the walk is satisfied by a gateway that
// does as it should.
func TestWalkAgainstStandIn(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), freeOptions(t, &out), newStandIn().start); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
}

// TestWalkNoticesMisbehaviour breaks the gateway in one way at a time and
// wants the walk to end at the right step, saying what it expected and got.
func TestWalkNoticesMisbehaviour(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*standIn)
		step  string
		says  []string
	}{
		{
			"anonymous clients are let in", func(s *standIn) { s.auth = tls.NoClientCert },
			"step 1 of 7",
			[]string{"expected a TLS alert from the gateway", "got an answer"},
		},
		{
			"another message for the mapping", func(s *standIn) { s.posted = `{"message":"ok"}` },
			"step 2 of 7",
			[]string{`expected 201 {"message":"User mapping is created"}`, `got 201 {"message":"ok"}`},
		},
		{
			"writing is denied", func(s *standIn) { s.denyWrite = true },
			"step 5 of 7",
			[]string{"expected 100 records acknowledged", "TOPIC_AUTHORIZATION_FAILED"},
		},
		{
			"a topic is hidden", func(s *standIn) { s.hideTopic = "_conduktor_gateway_03" },
			"step 7 of 7",
			[]string{"expected the list of the brokers: _conduktor_gateway_00"},
		},
		{
			"the gateway keeps no topics", func(s *standIn) { s.noTopics = true },
			"step 7 of 7",
			[]string{"expected topic foo and 11 topics", "got foo"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			s := newStandIn()
			c.spoil(s)
			err := run(t.Context(), freeOptions(t, &out), s.start)
			var unexpected *Unexpected
			if !errors.As(err, &unexpected) {
				t.Fatalf("want an *Unexpected, got %v\n%s", err, &out)
			}
			for _, want := range append(c.says, c.step) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if !strings.Contains(out.String(), "FAILED: "+unexpected.Error()) {
				t.Errorf("the transcript does not say so:\n%s", &out)
			}
		})
	}
}

// TestNotReady wants the reason and the log's place.
func TestNotReady(t *testing.T) {
	var out bytes.Buffer
	s := newStandIn()
	s.notReady = errors.New("no broker answers")
	err := run(t.Context(), freeOptions(t, &out), s.start)
	if !errors.Is(err, s.notReady) || !strings.Contains(err.Error(), fileGatewayLog) {
		t.Fatalf("got %v", err)
	}
}

// TestStaysUntilContextEnds wants Run to return nil at Ctrl-C, after the walk.
func TestStaysUntilContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stay := &endAt{text: "Everything stays up until Ctrl-C.", end: cancel}
	var out bytes.Buffer
	o := freeOptions(t, &out)
	o.Once, o.Out = false, stay
	if err := run(ctx, o, newStandIn().start); err != nil {
		t.Fatalf("%v\n%s", err, &stay.Buffer)
	}
	if ctx.Err() == nil {
		t.Fatalf("it did not wait:\n%s", &stay.Buffer)
	}
}

// TestInterrupted wants a Ctrl-C in the middle of the walk to be told from a
// step that failed.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &endAt{text: "[3/7]", end: cancel}
	o := freeOptions(t, nil)
	o.Out = out
	err := run(ctx, o, newStandIn().start)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted in step 3 of 7") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(out.String(), "FAILED") {
		t.Errorf("told as a failure:\n%s", &out.Buffer)
	}
}

// endAt calls end when text has been written.
type endAt struct {
	bytes.Buffer
	text string
	end  func()
}

func (e *endAt) Write(b []byte) (int, error) {
	n, err := e.Buffer.Write(b)
	if e.end != nil && strings.Contains(e.String(), e.text) {
		e.end()
		e.end = nil
	}
	return n, err
}

// TestPortTaken wants each port that is taken to be named with its flag, and
// nothing to be written.
func TestPortTaken(t *testing.T) {
	for _, c := range []struct {
		flag, use string
		port      func(Options) int
	}{
		{"--gateway-port", "gateway, bootstrap", func(o Options) int { return o.GatewayPort }},
		{"--gateway-port", "gateway, broker 3", func(o Options) int { return o.GatewayPort + 3 }},
		{"--admin-port", "admin API", func(o Options) int { return o.AdminPort }},
		{"--broker-port", "broker 2", func(o Options) int { return o.BrokerPort + 1 }},
	} {
		var out bytes.Buffer
		o := freeOptions(t, &out)
		ln, err := net.Listen("tcp", net.JoinHostPort(o.Bind, strconv.Itoa(c.port(o))))
		if err != nil {
			t.Fatal(err)
		}
		err = run(t.Context(), o, newStandIn().start)
		if closeErr := ln.Close(); closeErr != nil {
			t.Error(closeErr)
		}
		want := "demo: port " + strconv.Itoa(c.port(o)) + " (" + c.use + ") is not free, choose another with " + c.flag + ": "
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder was made all the same (%v)", err)
		}
	}
	o := freeOptions(t, nil)
	o.AdminPort = 70000
	if err := checkPorts(o); !errors.Is(err, errPortRange) {
		t.Errorf("70000 as a port: %v", err)
	}
}

// TestOnce is `postern demo --once` with the gateway itself; the transcript is
// compared with testdata/once.txt, folder and ports replaced. After a change
// that is meant, -update accepts it.
func TestOnce(t *testing.T) {
	var out bytes.Buffer
	o := freeOptions(t, &out)
	if err := Run(t.Context(), o); err != nil {
		log, _ := os.ReadFile(filepath.Join(o.Dir, fileGatewayLog))
		t.Fatalf("%v\n%s\n%s", err, &out, log)
	}
	got, golden := settled(o, out.String()), filepath.Join("testdata", "once.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("another transcript than %s (-update accepts it):\n%s", golden, got)
	}
}
