package admin

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// short is a listener on a machine that is short of descriptors a few times.
type short struct {
	net.Listener
	failures []error
}

func (s *short) Accept() (net.Conn, error) {
	if len(s.failures) > 0 {
		err := s.failures[0]
		s.failures = s.failures[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
	}
	return s.Listener.Accept()
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestAcceptSurvivesAShortage(t *testing.T) {
	l := newListener(&short{loopback(t), []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED}}, time.Second)
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if l.count() != 1 {
		t.Errorf("%d connections are open, want 1", l.count())
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if l.count() != 0 {
		t.Errorf("%d connections are open after the close, want 0", l.count())
	}
}

func TestAcceptGivesUpOnOtherErrors(t *testing.T) {
	l := newListener(&short{loopback(t), []error{syscall.EINVAL}}, time.Second)
	if _, err := l.Accept(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("%v", err)
	}
}

func TestCloseEndsTheWaitForDescriptors(t *testing.T) {
	failures := make([]error, 1000)
	for i := range failures {
		failures[i] = syscall.EMFILE
	}
	l := newListener(&short{loopback(t), failures}, time.Second)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
