package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ErrStaple is wrapped by every error of ParseStaple.
var ErrStaple = errors.New("tlsterm: OCSP answer")

// A Staple is a responder's answer about one of our own certificates.
type Staple struct {
	For        int       // index of the certificate it is about
	ThisUpdate time.Time // from when it is valid
	NextUpdate time.Time // until when; zero if not said
	Response   []byte    // as it is served
}

// stapleSkew is by how much a responder's clock may be ahead of ours.
const stapleSkew = 5 * time.Minute

// ParseStaple reads an OCSP answer (RFC 6960, DER) about one of certs and checks
// that it says good, that the issuer of the certificate or its delegate signed
// it, and that it is valid at now. The issuer is looked for in the
// certificate's chain and then among issuers. The error wraps ErrStaple.
func ParseStaple(der []byte, certs []tls.Certificate, issuers []*x509.Certificate, now time.Time) (Staple, error) {
	var fault error
	for i := range certs {
		chain, err := Chain(&certs[i])
		if err != nil {
			return Staple{}, fmt.Errorf("%w: %w", ErrStaple, err)
		}
		issuer := issuerOf(chain[0], append(chain[1:len(chain):len(chain)], issuers...))
		answer, err := ocsp.ParseResponseForCert(der, chain[0], issuer)
		switch {
		case err != nil:
			if fault == nil {
				fault = fmt.Errorf("%w: about %s: %w", ErrStaple, subject(chain[0]), err)
			}
			continue
		case issuer == nil:
			return Staple{}, fmt.Errorf("%w: about %s: the issuer's certificate is in neither the key store nor the trust store, so that nobody can check it",
				ErrStaple, subject(chain[0]))
		}
		s := Staple{For: i, ThisUpdate: answer.ThisUpdate, NextUpdate: answer.NextUpdate, Response: der}
		if err := s.check(answer.Status, now); err != nil {
			return Staple{}, fmt.Errorf("%w: about %s: %w", ErrStaple, subject(chain[0]), err)
		}
		return s, nil
	}
	if fault == nil {
		fault = fmt.Errorf("%w: there is no certificate", ErrStaple)
	}
	return Staple{}, fault
}

func (s *Staple) check(status int, now time.Time) error {
	switch {
	case status == ocsp.Revoked:
		return errors.New("the responder says that it is revoked")
	case status != ocsp.Good:
		return errors.New("the responder does not know the certificate")
	case now.Add(stapleSkew).Before(s.ThisUpdate):
		return fmt.Errorf("not valid before %s", s.ThisUpdate.UTC().Format(time.RFC3339))
	case s.Expired(now):
		return fmt.Errorf("valid until %s only", s.NextUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}

// Expired reports whether the answer must not be served any more.
func (s *Staple) Expired(now time.Time) bool {
	return !s.NextUpdate.IsZero() && !now.Before(s.NextUpdate)
}

// issuerOf returns the certificate among candidates that signed c, or nil.
func issuerOf(c *x509.Certificate, candidates []*x509.Certificate) *x509.Certificate {
	for _, issuer := range candidates {
		if bytes.Equal(issuer.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(issuer) == nil {
			return issuer
		}
	}
	return nil
}
