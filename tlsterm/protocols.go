package tlsterm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Settings say how TLS may be spoken. The zero value is the best there is: TLS
// 1.3 and 1.2, nine suites with authenticated encryption and forward secrecy,
// every group that crypto/tls has.
type Settings struct {
	// Protocols are tls.VersionTLS13 and tls.VersionTLS12, in any order: the
	// highest that both sides have is taken. Empty means both.
	Protocols []uint16
	// Suites are those that may be used, in order of preference, from ParseSuites.
	//
	// Empty means all, and the choice is crypto/tls's: AES-128-GCM, AES-256-GCM,
	// CHACHA20-POLY1305, but CHACHA20 first if this machine has no AES
	// instructions or the client names CHACHA20 before AES, as those without do.
	//
	// Given, Server takes the first of them that the client has; in TLS 1.2 the
	// first for the kind of key in the certificate. Client cannot keep crypto/tls
	// from offering all three suites of TLS 1.3, nor from its own order in 1.2;
	// a handshake in which the peer takes one that is not in Suites fails.
	Suites []uint16
	// Groups are those that keys may be exchanged in, from ParseGroups. Their
	// order means nothing, crypto/tls has its own: post-quantum ones first, then
	// what the client has sent a share for. Empty means all.
	Groups []tls.CurveID
}

// protocols are the versions this package speaks, highest first, under the
// names of Java and Kafka.
var protocols = names[uint16]{
	{"TLSv1.3", tls.VersionTLS13},
	{"TLSv1.2", tls.VersionTLS12},
}

// ParseProtocols reads a comma list as in Kafka's ssl.enabled.protocols:
// TLSv1.3 and TLSv1.2, in any case. An empty one gives none, which is the default.
func ParseProtocols(list string) ([]uint16, error) { return protocols.parse("protocol", list) }

// ProtocolNames are the versions that can come about, highest first.
func (s Settings) ProtocolNames() []string { return protocols.of(s.versions()) }

// Check says whether a handshake could come about at all.
func (s Settings) Check() error {
	if len(s.versions()) > 0 {
		return nil
	}
	return fmt.Errorf("tlsterm: settings: %w: no cipher suite and named group for %s", errNothingInCommon,
		strings.Join(protocols.of(s.enabled()), " or "))
}

var errNothingInCommon = errors.New("protocols, cipher suites and named groups do not go together")

func (s Settings) enabled() []uint16 {
	if len(s.Protocols) == 0 {
		return protocols.all()
	}
	return s.Protocols
}

// versions are the enabled ones for which there are a suite and a group.
func (s Settings) versions() []uint16 {
	var out []uint16
	for _, p := range protocols {
		suited := len(s.Suites) == 0 || slices.ContainsFunc(s.Suites, func(id uint16) bool { return kindOf(id).version() == p.value })
		grouped := len(s.Groups) == 0 || p.value == tls.VersionTLS13 ||
			slices.ContainsFunc(s.Groups, func(g tls.CurveID) bool { return !isHybrid(g) })
		if slices.Contains(s.enabled(), p.value) && suited && grouped {
			out = append(out, p.value)
		}
	}
	return out
}

// apply sets what crypto/tls lets be set in both roles.
func (s Settings) apply(cfg *tls.Config) {
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	if v := s.versions(); len(v) > 0 { // otherwise Check has failed, and no suite will
		cfg.MaxVersion, cfg.MinVersion = v[0], v[len(v)-1]
	}
	cfg.CipherSuites = aeadSuites
	if len(s.Suites) > 0 {
		cfg.CipherSuites = slices.DeleteFunc(slices.Clone(s.Suites), func(id uint16) bool { return kindOf(id) == suite13 })
	}
	cfg.CurvePreferences = slices.Clone(s.Groups)
}

// names is a closed set of names with what they stand for, in order.
type names[T comparable] []struct {
	name  string
	value T
}

// maxNames bounds a list; repetitions count.
const maxNames = 100

// parse reads a comma list of names, in any case, each value once.
func (n names[T]) parse(kind, list string) ([]T, error) {
	var out []T
	if strings.Count(list, ",") >= maxNames {
		return nil, fmt.Errorf("tlsterm: more than %d of %s", maxNames, kind)
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		at := -1
		for i := range n {
			if strings.EqualFold(n[i].name, name) {
				at = i
			}
		}
		switch {
		case name == "":
		case at < 0:
			return nil, fmt.Errorf("tlsterm: %s %.80q is not supported; allowed: %s", kind, name, strings.Join(n.of(n.all()), ", "))
		case !slices.Contains(out, n[at].value):
			out = append(out, n[at].value)
		}
	}
	return out, nil
}

// all are the values in order.
func (n names[T]) all() []T {
	out := make([]T, len(n))
	for i := range n {
		out[i] = n[i].value
	}
	return out
}

// of are the names of values that the set has.
func (n names[T]) of(values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		for i := range n {
			if n[i].value == v {
				out = append(out, n[i].name)
			}
		}
	}
	return out
}
