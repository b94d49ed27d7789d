package load

import (
	"context"
	"crypto/tls"
	"fmt"
)

// openers is how many connections are being opened at once: enough to keep the
// peer busy, few enough that none waits for long.
const openers = 8

// wires is what the workloads with bare connections share.
type wires struct {
	spec  Spec
	tls   *tls.Config
	conns []*wire
}

// open opens further connections, several at a time, and has each do first.
func (w *wires) open(ctx context.Context, n int, first func(w *wire) error) error {
	from := len(w.conns)
	w.conns = append(w.conns, make([]*wire, n)...)
	return each(ctx, min(openers, n), func(ctx context.Context, i int) error {
		for at := from + i; at < from+n; at += openers {
			conn, err := dialWire(ctx, w.spec, w.tls, nil)
			if err != nil {
				return w.wrong(at, err)
			}
			w.conns[at] = conn
			if err := first(conn); err != nil {
				return w.wrong(at, err)
			}
		}
		return nil
	})
}

// wrong says where err happened.
func (w *wires) wrong(connection int, err error) error {
	return fmt.Errorf("load: %s: connection %d: %w", w.spec.Workload, connection, err)
}

// Close ends the connections; what the peer thinks of it no longer matters.
func (w *wires) Close() {
	for _, c := range w.conns {
		if c != nil {
			_ = c.conn.Close()
		}
	}
}
