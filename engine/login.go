package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/session"
)

// jittered is d, a fifth more or less, so that those who failed together do not come
// again together.
func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// penance counts the clients that wait for the answer to a failed login.
type penance struct {
	most    int // of one origin
	mu      sync.Mutex
	waiting map[origin]int
	dropped atomic.Uint64
}

func (q *penance) enter(from origin) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[from] >= q.most {
		q.dropped.Add(1)
		return false
	}
	if q.waiting == nil {
		q.waiting = make(map[origin]int)
	}
	q.waiting[from]++
	return true
}

func (q *penance) leave(from origin) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[from]--; q.waiting[from] == 0 {
		delete(q.waiting, from)
	}
}

func (q *penance) count() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, k := range q.waiting {
		n += k
	}
	return n
}

// awaitRelay ends a session whose login a broker has not accepted in time. It is
// called on the loop.
func (p *pair) awaitRelay() {
	if p.session.Phase() != session.Relay {
		return
	}
	lp := p.loop
	limit := lp.engine.o.LoginTimeout
	p.relaying = time.AfterFunc(limit, func() {
		lp.do(func() {
			defer p.guard()
			if !p.finished && p.session.Phase() == session.Relay {
				p.fail(session.Client, session.LoginTime, fmt.Errorf("engine: no login within %v", limit))
				p.flush()
			}
		})
	})
}

const (
	// maxFailedUsers is how many names of users the metrics tell apart; the rest is
	// one. Anybody can make names up.
	maxFailedUsers = 1000
	// maxFailedUser is how much of a name is a label.
	maxFailedUser = 64
	otherUsers    = "other"
)

// failedLogins counts failed logins of clients.
type failedLogins struct {
	mu     sync.Mutex
	users  map[string]uint64
	causes map[failedLogin]uint64
}

type failedLogin struct{ mechanism, cause string }

// note counts the end of a session, if it is for a login.
func (f *failedLogins) note(r session.Reason) {
	var e *session.LoginError
	if !errors.As(r.Cause, &e) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == nil {
		f.users, f.causes = make(map[string]uint64), make(map[failedLogin]uint64)
	}
	user := userLabel(e.User)
	if _, known := f.users[user]; !known && len(f.users) >= maxFailedUsers {
		user = otherUsers
	}
	f.users[user]++
	f.causes[failedLogin{e.Mechanism, e.Cause}]++
}

func userLabel(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	for i := range clean {
		if i > maxFailedUser {
			return clean[:i]
		}
	}
	return clean
}

// writeAuthentications writes the figures of the clients' logins.
func (e *Engine) writeAuthentications(w io.Writer) {
	var logins, anew uint64
	logins, anew = e.stats.Logins.Load(), e.stats.LoginsAnew.Load()
	for _, lp := range e.loops {
		logins, anew = logins+lp.stats.Logins.Load(), anew+lp.stats.LoginsAnew.Load()
	}
	metrics.WriteCounterUint64(w, `gateway_authentications_total`, logins)
	metrics.WriteCounterUint64(w, `gateway_reauthentications_total`, anew)
	metrics.WriteGaugeUint64(w, `gateway_failed_authentications_waiting`, uint64(e.penance.count()))
	metrics.WriteCounterUint64(w, `gateway_failed_authentications_unanswered_total`, e.penance.dropped.Load())
	f := &e.failedLogins
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, user := range slices.Sorted(maps.Keys(f.users)) {
		metrics.WriteCounterUint64(w, `gateway_failed_authentications_total{user="`+user+`"}`, f.users[user])
	}
	causes := slices.SortedFunc(maps.Keys(f.causes), func(a, b failedLogin) int {
		return cmp.Or(strings.Compare(a.mechanism, b.mechanism), strings.Compare(a.cause, b.cause))
	})
	for _, c := range causes {
		metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_authentication_failures_total{mechanism=%q,cause=%q}`, c.mechanism, c.cause), f.causes[c])
	}
}
