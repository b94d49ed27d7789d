package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/tlsterm"
)

// Login is the client's side of a login at a broker, without a socket.
//
// Again is called first, if at all: the connection is logged in already, and
// this is to take the place of that. Next begins when b is nil; then it takes
// what the broker sent, cut in whatever way, and returns what must be sent. b is
// valid during the call. Lifetime is for how long the broker will serve the
// connection, 0 for ever; it is asked after done.
//
// An error that has a method LoginCause() string is counted under what that
// returns, which must be one of few.
type Login interface {
	Again()
	Next(b []byte) (send []byte, done bool, err error)
	Lifetime() time.Duration
}

// TryAgain marks a Login's error as one that another connection may not meet: it
// is tried as long as the dial has time.
func TryAgain(err error) error { return &tryAgain{err} }

type tryAgain struct{ error }

func (t *tryAgain) Unwrap() error { return t.error }

// loginPause is how long to wait before.
const loginPause = 100 * time.Millisecond

// again waits before another try, and reports whether there is one.
func again(ctx context.Context, err error) bool {
	var t *tryAgain
	if !errors.As(err, &t) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(loginPause):
		return true
	}
}

// loginBuffer is how much of a broker's answers is read at once.
const loginBuffer = 4 << 10

// logsIn reports whether the gateway logs in at the broker of a session. A session
// that does not know its user yet relays its client's own login.
func (e *Engine) logsIn(p *pair) bool { return e.o.BrokerLogin != nil && p.session.User() != nil }

// logIn logs in at a broker on a connection that may hold TLS, for the client
// of a session, and notes when the broker wants to see another login.
func (e *Engine) logIn(ctx context.Context, conn *net.TCPConn, sealed *tlsterm.Conn, p *pair) error {
	if !e.logsIn(p) {
		return nil
	}
	user, began := p.session.User(), time.Now()
	login, err := e.o.BrokerLogin(ctx, user)
	if err == nil {
		err = exchange(ctx, conn, sealed, login)
	}
	if err != nil {
		e.counters.loginFailed(loginCause(ctx, err))
		return fmt.Errorf("login: %w", err)
	}
	e.counters.loggedIn.Add(1)
	p.renewal = renewalOf(login, began)
	return nil
}

// exchange carries bytes between a login and a broker until the login is done.
func exchange(ctx context.Context, conn *net.TCPConn, sealed *tlsterm.Conn, login Login) error {
	deadline, _ := ctx.Deadline() // none is the zero time
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	x := &loginExchange{conn: conn, sealed: sealed, login: login}
	err := x.run()
	if !stop() {
		return errors.Join(context.Cause(ctx), err)
	}
	return errors.Join(err, conn.SetDeadline(time.Time{}))
}

// loginExchange is one login on its socket.
type loginExchange struct {
	conn   *net.TCPConn
	sealed *tlsterm.Conn // nil in clear
	login  Login
	done   bool
	err    error
}

func (x *loginExchange) run() error {
	x.take(nil)
	buf := make([]byte, loginBuffer)
	for !x.done && x.err == nil {
		n, err := x.conn.Read(buf)
		if n > 0 {
			x.feed(buf[:n])
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && !x.done && x.err == nil {
			x.err = err
		}
	}
	return x.err
}

// feed takes what the socket received.
func (x *loginExchange) feed(b []byte) {
	if x.sealed == nil {
		x.take(b)
		return
	}
	err := x.sealed.Feed(b, x.take)
	if answer := x.sealed.Pending(nil); len(answer) > 0 && x.err == nil {
		_, x.err = x.conn.Write(answer)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && x.err == nil {
		x.err = err
	}
}

// take gives plaintext to the login and sends what it answers.
func (x *loginExchange) take(plain []byte) {
	if x.err != nil {
		return
	}
	var send []byte
	if send, x.done, x.err = x.login.Next(plain); x.err != nil || len(send) == 0 {
		return
	}
	if x.sealed != nil {
		if send, x.err = x.sealed.Seal(nil, send); x.err != nil {
			return
		}
	}
	_, x.err = x.conn.Write(send)
}

// loginCause is one of a closed set.
func loginCause(ctx context.Context, err error) string {
	var named interface{ LoginCause() string }
	var broken net.Error
	switch {
	case errors.As(err, &named):
		return named.LoginCause()
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "time-out"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &broken):
		return "connection"
	case errors.Is(err, tlsterm.ErrTLS):
		return "tls"
	}
	return "no credentials"
}

// loginFailed counts a login that failed under its cause.
func (c *counters) loginFailed(cause string) {
	c.mu.Lock()
	c.loginFailures[cause]++
	c.mu.Unlock()
}

func (e *Engine) writeLogins(w io.Writer) {
	if e.o.BrokerLogin == nil {
		return
	}
	c := &e.counters
	metrics.WriteCounterUint64(w, `gateway_upstream_logins_total`, c.loggedIn.Load())
	metrics.WriteCounterUint64(w, `gateway_upstream_login_renewals_total`, c.renewed.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	writeByCause(w, `gateway_upstream_login_failures_total`, c.loginFailures)
}
