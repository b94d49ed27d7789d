package tlsterm

import (
	"bytes"
	"crypto/tls"
)

// masterTag is what the entry of SessionState.Extra begins with in which a TLS
// 1.2 session carries its master secret: crypto/tls logs no key when such a
// session is resumed. Extra is encrypted with the rest of the ticket, which
// holds the same secret where only crypto/tls can find it.
const masterTag = "postern: TLS 1.2 master secret: "

// config returns cfg for one connection: its keys are logged to t, and its
// sessions carry what t needs.
func (t *tap) config(cfg *tls.Config) *tls.Config {
	if t == nil || cfg == nil {
		return cfg
	}
	c := cfg.Clone()
	c.KeyLogWriter = t
	if user := cfg.KeyLogWriter; user != nil {
		c.KeyLogWriter = teeLog{user.Write, t}
	}
	if t.client {
		if cfg.ClientSessionCache != nil {
			t.cached = !cfg.SessionTicketsDisabled
			c.ClientSessionCache = sessionCache{cfg.ClientSessionCache, t}
		}
		return c
	}
	c.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		return t.wrap(cfg, state, session)
	}
	c.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		return t.unwrap(cfg, ticket, state)
	}
	if choose := cfg.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if err != nil || chosen == nil {
				return nil, err
			}
			return t.config(chosen), nil
		}
	}
	return c
}

// teeLog gives a line to the configuration's own key log first, for t.Write
// overwrites it.
type teeLog struct {
	user func([]byte) (int, error)
	tap  *tap
}

func (l teeLog) Write(line []byte) (int, error) {
	_, err := l.user(line)
	n, _ := l.tap.Write(line) // never fails
	return n, err
}

// wrap seals a session with cfg's keys, not with those of its clone: a clone
// made before cfg has drawn its own would draw others each time.
func (t *tap) wrap(cfg *tls.Config, state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
	if extra := t.extra(); extra != nil && state.Version == tls.VersionTLS12 {
		defer clear(extra)
		session.Extra = append(session.Extra, extra)
	}
	if cfg.WrapSession != nil {
		return cfg.WrapSession(state, session)
	}
	return cfg.EncryptTicket(state, session)
}

// unwrap remembers the session's master secret. Whether it is resumed is for
// crypto/tls to decide; what was remembered is only used if it is.
func (t *tap) unwrap(cfg *tls.Config, ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
	open := cfg.UnwrapSession
	if open == nil {
		open = cfg.DecryptTicket
	}
	session, err := open(ticket, state)
	if err != nil || session == nil {
		return session, err
	}
	session.Extra = t.remember(session.Extra)
	return session, nil
}

// extra is what a TLS 1.2 session of this handshake carries; nil if there is no
// master secret. After a full handshake that was logged; a resumed one keeps
// that of its session.
func (t *tap) extra() []byte {
	master := &t.master
	if master.n == 0 {
		master = &t.resumed
	}
	if master.n != masterLen {
		return nil
	}
	return append([]byte(masterTag), master.bytes()...)
}

// remember takes our entry out of extra.
func (t *tap) remember(extra [][]byte) [][]byte {
	rest := make([][]byte, 0, len(extra))
	for _, e := range extra {
		if master, ours := bytes.CutPrefix(e, []byte(masterTag)); ours && len(master) == masterLen {
			t.resumed.set(master)
			continue
		}
		rest = append(rest, e)
	}
	return rest
}

// sessionCache does for a client's sessions what wrap and unwrap do for a
// server's. A TLS 1.3 session has nothing to add: it comes after the handshake,
// when t is empty.
type sessionCache struct {
	tls.ClientSessionCache
	tap *tap
}

// Get leaves the session as it is: other connections may be reading it.
func (c sessionCache) Get(key string) (*tls.ClientSessionState, bool) {
	found, ok := c.ClientSessionCache.Get(key)
	if _, session, err := found.ResumptionState(); ok && err == nil && session != nil {
		c.tap.remember(session.Extra)
	}
	return found, ok
}

func (c sessionCache) Put(key string, state *tls.ClientSessionState) {
	if _, session, err := state.ResumptionState(); err == nil && session != nil {
		if extra := c.tap.extra(); extra != nil {
			session.Extra = append(session.Extra, extra)
		}
	}
	c.ClientSessionCache.Put(key, state)
}
