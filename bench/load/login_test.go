package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/auth/upstream"
)

const user, password = "alice", `a "quoted\ one`

// fakeSASL is a cluster in clear where clients log in by all mechanisms that it has,
// and a Spec that reaches it.
func fakeSASL(t *testing.T) (*kfake.Cluster, Spec) {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.EnableSASL()}
	for _, mechanism := range []string{upstream.Plain, upstream.ScramSHA256, upstream.ScramSHA512} {
		opts = append(opts, kfake.Superuser(mechanism, user, password))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster, Spec{
		Addr: cluster.ListenAddrs()[0], Timeout: time.Minute, Topic: topic, Connections: 2,
		Requests: 40, PerSecond: 1000, Duration: 50 * time.Millisecond,
	}
}

func TestConnectionsLogIn(t *testing.T) {
	_, s := fakeSASL(t)
	for _, mechanism := range []string{upstream.Plain, upstream.ScramSHA256, upstream.ScramSHA512} {
		s.Workload, s.PerSecond, s.Login = Connect, 0, &Login{mechanism, user, password}
		if got, err := do(t, s); err != nil || got.Requests != 40 {
			t.Errorf("%s: got %+v %v, want 40 connections", mechanism, got, err)
		}
		s.Login = &Login{mechanism, user, "another"}
		if got, err := do(t, s); err == nil {
			t.Errorf("%s with a wrong password: got %+v, want an error", mechanism, got)
		}
	}
	// Connections that stand have logged in, too.
	s.Workload, s.PerSecond, s.Login = Paced, 1000, &Login{upstream.Plain, user, password}
	if got, err := do(t, s); err != nil || got.Latency.Count != 50 {
		t.Errorf("paced: got %+v %v, want 50 latencies", got, err)
	}
	s.Login = nil
	if got, err := do(t, s); err == nil {
		t.Errorf("paced without a login: got %+v, want an error", got)
	}
}

// bad fail by each mechanism that the fake has.
var bad = []Login{{upstream.Plain, user, "wrong"}, {upstream.ScramSHA256, user, "wrong"}}

// refuseAll answers every login that would succeed or fail with a code.
func refuseAll(cluster *kfake.Cluster, code int16) {
	cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = code
		return answer, nil, true
	})
}

func TestClientsFailAgainAndAgain(t *testing.T) {
	cluster, s := fakeSASL(t)
	refuseAll(cluster, kerr.SaslAuthenticationFailed.Code)
	s.Workload, s.Connections, s.Bad, s.Pause, s.Duration = Failing, 5, bad, 10*time.Millisecond, 200*time.Millisecond
	got, err := do(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests < 10 || got.Unanswered != 0 || got.Connections != 5 || got.Seconds < 0.1 {
		t.Errorf("got %+v, want 5 clients that came more than twice and were answered", got)
	}
}

func TestFailingMustFail(t *testing.T) {
	cluster, s := fakeSASL(t)
	s.Workload, s.Bad, s.Pause = Failing, []Login{{upstream.Plain, user, password}}, time.Millisecond
	if got, err := do(t, s); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "let in") {
		t.Errorf("credentials that are right: got %+v %v, want ErrWrong", got, err)
	}
	// The fake just ends the connection: that is not what a storm is made of.
	s.Bad = bad
	if got, err := do(t, s); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "not answered") {
		t.Errorf("no answer: got %+v %v, want ErrWrong", got, err)
	}
	refuseAll(cluster, kerr.IllegalSaslState.Code)
	if got, err := do(t, s); !errors.Is(err, ErrWrong) {
		t.Errorf("refused for another reason: got %+v %v, want ErrWrong", got, err)
	}
}

func TestFailingEndsWithItsParent(t *testing.T) {
	cluster, s := fakeSASL(t)
	refuseAll(cluster, kerr.SaslAuthenticationFailed.Code)
	s.Workload, s.Bad, s.Pause, s.Duration = Failing, bad, time.Hour, time.Hour
	w := prepared(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func TestSpecChecksLogins(t *testing.T) {
	_, good := fakeSASL(t)
	good.Workload, good.Login = Connect, &Login{upstream.Plain, user, password}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Spec){
		"a mechanism nobody knows": func(s *Spec) { s.Login = &Login{"GSSAPI", user, password} },
		"no password":              func(s *Spec) { s.Login = &Login{upstream.Plain, user, ""} },
		"a client that logs in by other code": func(s *Spec) {
			s.Workload, s.RecordBytes = OpenLoop, 100
		},
		"nothing to fail by": func(s *Spec) { s.Workload, s.Pause = Failing, time.Second },
		"failing by what is no login": func(s *Spec) {
			s.Workload, s.Pause, s.Bad = Failing, time.Second, []Login{{"GSSAPI", user, password}}
		},
		"failing without a pause": func(s *Spec) { s.Workload, s.Bad = Failing, bad },
		"failing without an end":  func(s *Spec) { s.Workload, s.Bad, s.Pause, s.Duration = Failing, bad, time.Second, 0 },
		"failing with no clients": func(s *Spec) { s.Workload, s.Bad, s.Pause, s.Connections = Failing, bad, time.Second, 0 },
	} {
		s := good
		spoil(&s)
		if _, err := New(s); err == nil {
			t.Errorf("%s: %+v was accepted", name, s)
		}
	}
}
