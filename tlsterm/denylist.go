package tlsterm

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrRevoked is wrapped by the handshake error of a client whose certificate, or
// one above it, was taken back: by its issuer's list or by the deny-list.
var ErrRevoked = errors.New("certificate revoked")

// RefuseDenied returns a ServerOptions.Checks: it refuses a client whose own
// certificate has a SHA-256 for which denied says so. denied is called by any
// number of goroutines.
func RefuseDenied(denied func(fingerprint [sha256.Size]byte) bool) func(Identity) error {
	return func(id Identity) error {
		if id.Anonymous() || !denied(id.Fingerprint()) {
			return nil
		}
		return fmt.Errorf("%w: %s (serial %s, SHA-256 %x) is on the deny-list", ErrRevoked, id.DN(), id.Serial(), id.Fingerprint())
	}
}
