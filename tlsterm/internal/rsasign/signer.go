package rsasign

import (
	"crypto"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"sync"
	"sync/atomic"
)

var faults atomic.Uint64

// Faults is how many signatures of this process failed their check, and were
// made by crypto/rsa instead. It stays 0 on a machine that is in order.
func Faults() uint64 { return faults.Load() }

// A Signer is a crypto.Signer for an RSA key. It may be used by several
// goroutines at once.
type Signer struct {
	key     *rsa.PrivateKey
	private *private
	works   sync.Pool // of *work, overwritten
}

// New returns a Signer for key, which must not be changed any more. It returns
// false, and crypto/rsa has to do, where the processor has neither AVX-512 IFMA nor
// AVX2, for a key that is not of two primes of 1024, 1536 or 2048 bits each, where
// GODEBUG=fips140=only is set, and if crypto/rsa does not accept the signatures
// that New has made to try it.
func New(key *rsa.PrivateKey) (*Signer, bool) { return newSigner(key, kernelFor) }

func newSigner(key *rsa.PrivateKey, kernelFor func(bits int) *kernel) (*Signer, bool) {
	if fips140.Enforced() || key.Validate() != nil {
		return nil, false
	}
	private := newPrivate(key, kernelFor)
	if private == nil {
		return nil, false
	}
	s := &Signer{key: key, private: private}
	s.works.New = func() any { return private.newWork() }
	if !s.selfCheck() {
		return nil, false
	}
	return s, true
}

// selfCheck has crypto/rsa verify a signature of each kind.
func (s *Signer) selfCheck() bool {
	digest := sha256.Sum256([]byte("rsasign"))
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	first, err := s.sign(nil, digest[:], crypto.SHA256)
	if err != nil || rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, digest[:], first) != nil {
		return false
	}
	second, err := s.sign(rand.Reader, digest[:], pss)
	return err == nil && rsa.VerifyPSS(&s.key.PublicKey, crypto.SHA256, digest[:], second, pss) == nil
}

// Public returns the key's *rsa.PublicKey.
func (s *Signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign is as that of rsa.PrivateKey, which makes the signatures that are not of
// SHA-256, SHA-384 or SHA-512 with PKCS #1 v1.5, or PSS with a salt of the same
// length, and those that failed their check. random is read for PSS alone.
func (s *Signer) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if encodes(digest, opts) {
		signature, err := s.sign(random, digest, opts)
		if signature != nil || err != nil {
			return signature, err
		}
		faults.Add(1)
	}
	return s.key.Sign(random, digest, opts)
}

// sign returns neither a signature nor an error if the signature was wrong.
func (s *Signer) sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	w := s.works.Get().(*work)
	defer s.works.Put(w)
	defer w.wipe()
	if err := w.encode(s.key.N.BitLen(), random, digest, opts); err != nil {
		return nil, err
	}
	signature := make([]byte, s.private.size)
	if !s.private.sign(w, signature) {
		return nil, nil
	}
	return signature, nil
}
