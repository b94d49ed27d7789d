package tlsterm

import (
	"crypto/rsa"
	"crypto/tls"
	"slices"

	"github.com/postern-kafka/postern/tlsterm/internal/rsasign"
)

// Adopt returns certs with private keys that sign as e does: with Own, RSA keys
// sign by this program's own multiplication where the processor has what it
// takes, and by crypto/rsa otherwise; all other keys, and all with Std, are as
// they were. Each key that is taken on signs twice, for crypto/rsa to verify, and
// each signature is checked before it leaves. certs is not changed.
func (e Engine) Adopt(certs []tls.Certificate) []tls.Certificate {
	if e != Own {
		return certs
	}
	certs = slices.Clone(certs)
	for i := range certs {
		if key, ok := certs[i].PrivateKey.(*rsa.PrivateKey); ok {
			if signer, ok := rsasign.New(key); ok {
				certs[i].PrivateKey = signer
			}
		}
	}
	return certs
}

// SignatureFaults is how many signatures of keys that Own adopted were found
// wrong before they left, and were made by crypto/rsa instead. It is 0 on a
// machine that computes right.
func SignatureFaults() uint64 { return rsasign.Faults() }
