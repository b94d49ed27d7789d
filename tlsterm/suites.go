package tlsterm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// suites are the cipher suites of TLS 1.3 and those of 1.2 with forward secrecy
// and authenticated encryption, in the order in which crypto/tls prefers them on
// a machine with AES instructions. The names are IANA's, Java's and Kafka's.
var suites = names[uint16]{
	{"TLS_AES_128_GCM_SHA256", tls.TLS_AES_128_GCM_SHA256},
	{"TLS_AES_256_GCM_SHA384", tls.TLS_AES_256_GCM_SHA384},
	{"TLS_CHACHA20_POLY1305_SHA256", tls.TLS_CHACHA20_POLY1305_SHA256},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
	{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
	{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
}

// aeadSuites are those of TLS 1.2.
var aeadSuites = slices.DeleteFunc(suites.all(), func(id uint16) bool { return kindOf(id) == suite13 })

// ErrSuiteRefused is wrapped by the error of a handshake in which the peer took
// a cipher suite that Settings do not allow.
var ErrSuiteRefused = errors.New("cipher suite refused")

// ParseSuites reads a comma list as in Kafka's ssl.cipher.suites, in any case,
// the most wanted first. An empty one gives none, which is the default.
func ParseSuites(list string) ([]uint16, error) { return suites.parse("cipher suite", list) }

// SuiteNames are the suites that may be used.
func (s Settings) SuiteNames() []string {
	if len(s.Suites) == 0 {
		return suites.of(suites.all())
	}
	return suites.of(s.Suites)
}

// suiteKind is a set of suites of which one certificate in one version can use
// any: the choice within it is free.
type suiteKind uint8

const (
	suiteOther suiteKind = iota
	suite13              // TLS 1.3, any certificate
	suiteECDSA           // TLS 1.2
	suiteRSA             // TLS 1.2
	suiteKinds           // how many there are
)

func kindOf(id uint16) suiteKind {
	switch id {
	case tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256:
		return suite13
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return suiteECDSA
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return suiteRSA
	}
	return suiteOther
}

func (k suiteKind) version() uint16 {
	switch k {
	case suite13:
		return tls.VersionTLS13
	case suiteECDSA, suiteRSA:
		return tls.VersionTLS12
	default:
		return 0
	}
}

// struckOut stands in a hello in place of a suite that must not be chosen: a
// value that no suite will ever have (RFC 8701).
const struckOut = 0x0a0a

// steer has Server choose the cipher suite by Suites' order, which crypto/tls
// has no setting for: it orders suites by itself and in TLS 1.3 does not even
// let one be left out. But the hello it shows to GetConfigForClient is the one
// it goes on with: what is struck out of the list there is not chosen. The
// transcript is not touched, for it is made of the hello's bytes. The list is
// put right again before anything is written, because a client's second hello
// is compared with its first.
//
// Nothing of this is promised by crypto/tls, so that suiteAllowed looks at what
// came of it: if it stops working, handshakes fail instead of going unnoticed.
func (s Settings) steer(hello *tls.ClientHelloInfo) {
	conn, ok := hello.Conn.(interface{ beforeWrite(f func()) })
	if !ok {
		return
	}
	for _, version := range s.versions() {
		if slices.Contains(hello.SupportedVersions, version) {
			original := slices.Clone(hello.CipherSuites)
			conn.beforeWrite(func() { copy(hello.CipherSuites, original) })
			strikeOut(hello.CipherSuites, s.Suites, version)
			return
		}
	}
}

// strikeOut leaves of the version's suites in offered the first of each kind in
// wanted that is there.
func strikeOut(offered, wanted []uint16, version uint16) {
	var best [suiteKinds]uint16
	for _, id := range wanted {
		if k := kindOf(id); best[k] == 0 && slices.Contains(offered, id) {
			best[k] = id
		}
	}
	for i, id := range offered {
		if k := kindOf(id); k.version() == version && best[k] != id {
			offered[i] = struckOut
		}
	}
}

// suiteAllowed refuses a connection over a suite that is not in Suites.
func (s Settings) suiteAllowed(id uint16) error {
	if len(s.Suites) == 0 || slices.Contains(s.Suites, id) {
		return nil
	}
	return fmt.Errorf("%w: %s is not among those that may be used", ErrSuiteRefused, tls.CipherSuiteName(id))
}
