package main

import (
	"bytes"
	"crypto/tls"
	"fmt"

	"github.com/postern-kafka/postern/tlsterm"
)

// check compares a connection that went well with what the case expects.
func (p *per) check(seen *tls.ConnectionState, c *tlsterm.Conn) error {
	for _, e := range []struct {
		wanted    bool
		flag      string
		got, want any
	}{
		{true, "version", c.Version(), seen.Version},
		{true, "cipher suite", c.CipherSuite(), seen.CipherSuite},
		{p.expectVersion != 0, "-expect-version", c.Version(), p.expectVersion},
		{p.expectCipher != 0, "-expect-cipher", c.CipherSuite(), p.expectCipher},
		{p.expectALPN != "", "-expect-alpn", seen.NegotiatedProtocol, p.expectALPN},
		{p.selectALPN != "", "-select-alpn", seen.NegotiatedProtocol, p.selectALPN},
		{p.expectNoALPN || p.declineALPN, "-decline-alpn", seen.NegotiatedProtocol, ""},
		// A TLS 1.2 client does not know it yet when VerifyConnection is called.
		{p.expectCurve != 0 && seen.CurveID != 0, "-expect-curve-id", seen.CurveID, p.expectCurve},
		{p.expectHRR != nil, "-expect-hrr", seen.HelloRetryRequest, deref(p.expectHRR)},
		{p.expectResumed != nil, "-expect-session-miss", seen.DidResume, deref(p.expectResumed)},
		{p.expectServerName != "", "-expect-server-name", seen.ServerName, p.expectServerName},
	} {
		if e.wanted && e.got != e.want {
			return fmt.Errorf("%s: %v instead of %v", e.flag, e.got, e.want)
		}
	}
	if p.expectOCSPResponse != nil && !bytes.Equal(seen.OCSPResponse, p.expectOCSPResponse) {
		return fmt.Errorf("-expect-ocsp-response: %x", seen.OCSPResponse)
	}
	return nil
}

func deref(b *bool) bool { return b != nil && *b }
