package interop

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"

	product "github.com/postern-kafka/postern/cmd/postern/gateway"
)

// inside is a gateway in this process.
type inside struct {
	gateway *product.Gateway
	seed    string
	admin   string
	log     *journal
}

func (in *inside) awaitReady(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := in.gateway.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// metric is the value of one line of the metrics, 0 when there is none.
func (in *inside) metric(t *testing.T, name string) int {
	t.Helper()
	response, err := http.Get(in.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return metricIn(t, text, name)
}

// journal is a log that may be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
