package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/xdg-go/stringprep"
)

// Limits of a SCRAM credential. DefaultIterations is what unknown users seem to
// have: credentials with another count can be told from them.
const (
	MinIterations     = 4096 // RFC 7677, and the least that clients accept
	DefaultIterations = 8192
	MaxIterations     = 1_000_000 // the cost is the client's, at every login
	SaltSize          = 16        // of the salts that are made here, bytes
	minSalt           = 8
	maxSalt           = 64
	MaxPassword       = 1024 // bytes
)

// ScramCredential is what a server stores instead of a password (RFC 5802,
// section 5.1). StoredKey and ServerKey are as long as the mechanism's hash.
type ScramCredential struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// scramHashes is the hash of each mechanism.
var scramHashes = map[string]func() hash.Hash{ScramSHA256: sha256.New, ScramSHA512: sha512.New}

// NewScramCredential derives the credential of a password. A nil salt is made
// at random; else it has 8 to 64 bytes. Iterations are MinIterations to
// MaxIterations; a hundred thousand take some 50 ms.
//
// RFC 5802 has both sides prepare a password by SASLprep, but Kafka's Java
// client, librdkafka and others use its bytes as they are. So a password that
// SASLprep would change is refused: it would work with some clients only.
func NewScramCredential(mechanism, password string, salt []byte, iterations int) (ScramCredential, error) {
	h, ok := scramHashes[mechanism]
	switch {
	case !ok:
		return ScramCredential{}, fmt.Errorf("auth: mechanism: %q is neither %s nor %s", mechanism, ScramSHA256, ScramSHA512)
	case iterations < MinIterations || iterations > MaxIterations:
		return ScramCredential{}, fmt.Errorf("auth: iterations: %d are not between %d and %d", iterations, MinIterations, MaxIterations)
	case salt != nil && (len(salt) < minSalt || len(salt) > maxSalt):
		return ScramCredential{}, fmt.Errorf("auth: salt: %d bytes are not between %d and %d", len(salt), minSalt, maxSalt)
	}
	if err := checkPassword(password); err != nil {
		return ScramCredential{}, err
	}
	if salt == nil {
		salt = make([]byte, SaltSize)
		_, _ = rand.Read(salt) // never fails
	}
	salted, err := pbkdf2.Key(h, password, salt, iterations, h().Size())
	if err != nil {
		return ScramCredential{}, fmt.Errorf("auth: %w", err)
	}
	return ScramCredential{
		Salt:       slices.Clone(salt),
		Iterations: iterations,
		StoredKey:  digest(h, authenticate(h, salted, "Client Key")),
		ServerKey:  authenticate(h, salted, "Server Key"),
	}, nil
}

// checkPassword never puts the password into its error.
func checkPassword(password string) error {
	if password == "" || len(password) > MaxPassword {
		return fmt.Errorf("auth: password: must have 1 to %d bytes", MaxPassword)
	}
	prepared, err := stringprep.SASLprep.Prepare(password)
	if err != nil {
		return errors.New("auth: password: has characters that SASLprep (RFC 4013) forbids")
	}
	if prepared != password {
		return errors.New("auth: password: has characters that SASLprep (RFC 4013) replaces, which only some clients do")
	}
	return nil
}

// authenticate is HMAC(key, text).
func authenticate(h func() hash.Hash, key []byte, text string) []byte {
	mac := hmac.New(h, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// digest is H(b).
func digest(h func() hash.Hash, b []byte) []byte {
	d := h()
	d.Write(b)
	return d.Sum(nil)
}
