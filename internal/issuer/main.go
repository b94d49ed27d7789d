package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/postern-kafka/postern/internal/issuer/process"
)

func main() {
	if err := serve(bufio.NewReader(os.Stdin), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "issuer:", err)
		os.Exit(1)
	}
}

// serve runs the provider until in ends.
func serve(in *bufio.Reader, out io.Writer) error {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var c process.Config
	if err := json.Unmarshal(line, &c); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(c.Port))
	if err != nil {
		return err
	}
	scheme := "http"
	if c.CertificateFile != "" {
		scheme = "https"
	}
	url := fmt.Sprintf("%s://localhost:%d", scheme, listener.Addr().(*net.TCPAddr).Port)
	handler, err := provider(url, c)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	fmt.Fprintln(out, url)
	if scheme == "https" {
		err = server.ServeTLS(listener, c.CertificateFile, c.KeyFile)
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// provider puts the test's calls beside the provider's.
func provider(url string, c process.Config) (http.Handler, error) {
	keys, err := newKeyRing(c.Algorithm)
	if err != nil {
		return nil, err
	}
	p, err := op.NewProvider(&op.Config{AuthMethodPost: true}, &store{config: c, keys: keys}, op.StaticIssuer(url),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	var outage atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/", p)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		if status := int(outage.Load()); status != 0 {
			http.Error(w, "<html>out of order</html>", status)
			return
		}
		p.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /test/rotate", func(w http.ResponseWriter, r *http.Request) {
		if err := keys.rotate(r.FormValue("keep") == "true"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /test/outage", func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.FormValue("status"))
		if err != nil || status != 0 && (status < 200 || status > 599) {
			http.Error(w, "status must be 0 or an HTTP status", http.StatusBadRequest)
			return
		}
		outage.Store(int64(status))
	})
	return mux, nil
}
