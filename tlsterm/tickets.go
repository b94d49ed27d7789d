package tlsterm

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// TicketKeyPeriod is how long a key that TicketKeys has made itself seals new
// tickets. It opens old ones for up to two periods more.
const TicketKeyPeriod = 12 * time.Hour

const (
	ticketGenerations = 3
	minTicketSecret   = 32 // bytes of a key in a file
	maxTicketSecret   = 128
	maxTicketKeys     = 16 // every ticket that is nobody's costs a MAC for each
	maxTicketFile     = 64 << 10
)

// ErrTicketKeys is wrapped by Load's error.
var ErrTicketKeys = errors.New("tlsterm: session ticket keys")

// A TrustDomain is where a session ticket is valid: it can be opened only where
// all of this is the same. A ticket carries who the client was found to be, so
// that whatever that rested on belongs in here.
//
// Gateways that share a file of keys take each other's tickets if they agree on
// it; so it holds contents, not counters, of which every process has its own.
type TrustDomain struct {
	Listener string // its name
	Name     string // of the configuration chosen by SNI; "" for the only one
	// Trust is the Fingerprint of the trust store, see TrustFingerprint.
	Trust [sha256.Size]byte
	// Revocation is the Fingerprint of the lists of revoked certificates: with a
	// new list all tickets end.
	Revocation [sha256.Size]byte
}

// TrustFingerprint names a set of trust anchors.
func TrustFingerprint(anchors []*x509.Certificate) [sha256.Size]byte {
	ders := make([][]byte, len(anchors))
	for i, c := range anchors {
		ders[i] = c.Raw
	}
	return Fingerprint(ders...)
}

// Fingerprint names a set of contents, whatever their order and however often
// each is there. That of none is zero.
func Fingerprint(contents ...[]byte) [sha256.Size]byte {
	if len(contents) == 0 {
		return [sha256.Size]byte{}
	}
	sums := make([][]byte, len(contents))
	for i, c := range contents {
		sum := sha256.Sum256(c)
		sums[i] = sum[:]
	}
	slices.SortFunc(sums, bytes.Compare)
	sums = slices.CompactFunc(sums, bytes.Equal)
	return sha256.Sum256(slices.Concat(sums...))
}

// TicketKeys are the secrets that session tickets are sealed with: random ones
// that change with time, or those of a file that several gateways have. The
// tickets' own keys are derived from them, one for each TrustDomain.
//
// It may be used by several goroutines at once. Its zero value is not usable.
type TicketKeys struct {
	mu      sync.Mutex
	ofFile  bool
	secrets []ticketSecret // the first seals, all open
}

type ticketSecret struct {
	secret []byte
	since  time.Time // zero in a file's
}

// NewTicketKeys returns keys with one random secret.
func NewTicketKeys(now time.Time) *TicketKeys {
	k := &TicketKeys{}
	k.draw(now)
	return k
}

// draw puts a new secret in front.
func (k *TicketKeys) draw(now time.Time) {
	secret := make([]byte, minTicketSecret)
	_, _ = rand.Read(secret) // never fails, says crypto/rand
	k.secrets = slices.Insert(k.secrets, 0, ticketSecret{secret: secret, since: now})
}

// Rotate makes a new random secret if the one that seals is older than
// TicketKeyPeriod, and drops those that are too old to open anything. It
// reports whether something has changed, so that Apply is due. The keys of a
// file stay what they are.
func (k *TicketKeys) Rotate(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ofFile || now.Sub(k.secrets[0].since) < TicketKeyPeriod {
		return false
	}
	k.draw(now)
	keep := 1
	for keep < min(len(k.secrets), ticketGenerations) && now.Sub(k.secrets[keep].since) < ticketGenerations*TicketKeyPeriod {
		keep++
	}
	k.drop(keep)
	return true
}

// drop forgets the secrets from the n-th on.
func (k *TicketKeys) drop(n int) {
	for _, s := range k.secrets[n:] {
		clear(s.secret)
	}
	k.secrets = slices.Delete(k.secrets, n, len(k.secrets))
}

// Load takes the keys of a file in place of all there were: one on each line,
// 32 to 128 bytes in hexadecimal or base64, the first to seal with, all to open
// with. Empty lines and lines that begin with # are left out. It reports
// whether something has changed, so that Apply is due. On an error, which wraps
// ErrTicketKeys and shows nothing of the keys, those there were stay.
//
// To rotate without losing tickets, give all gateways the new key as the last
// line first, and make it the first line when all have it.
func (k *TicketKeys) Load(file []byte) (changed bool, err error) {
	secrets, err := parseTicketSecrets(file)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrTicketKeys, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	same := k.ofFile && slices.EqualFunc(secrets, k.secrets, func(a, b ticketSecret) bool { return bytes.Equal(a.secret, b.secret) })
	k.drop(0)
	k.secrets, k.ofFile = secrets, true
	return !same, nil
}

func parseTicketSecrets(file []byte) ([]ticketSecret, error) {
	if len(file) > maxTicketFile {
		return nil, fmt.Errorf("more than %d bytes", maxTicketFile)
	}
	var out []ticketSecret
	number := 0
	for line := range strings.Lines(string(file)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := parseTicketSecret(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if slices.ContainsFunc(out, func(s ticketSecret) bool { return bytes.Equal(s.secret, secret) }) {
			return nil, fmt.Errorf("line %d: the key of an earlier line", number)
		}
		if len(out) == maxTicketKeys {
			return nil, fmt.Errorf("line %d: more than %d keys", number, maxTicketKeys)
		}
		out = append(out, ticketSecret{secret: secret})
	}
	if len(out) == 0 {
		return nil, errors.New("no key")
	}
	return out, nil
}

// parseTicketSecret reads one key. Whatever is hexadecimal throughout is taken
// for that, though base64 could be so by a chance of 1 in 2^90.
func parseTicketSecret(line string) ([]byte, error) {
	secret, err := hex.DecodeString(line)
	if err != nil {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(line, "="))
		if secret, err = base64.RawStdEncoding.DecodeString(plain); err != nil {
			return nil, errors.New("neither hexadecimal nor base64") // the decoder's error shows a character of the key
		}
	}
	switch {
	case len(secret) < minTicketSecret || len(secret) > maxTicketSecret:
		return nil, fmt.Errorf("a key of %d bytes; allowed: %d to %d", len(secret), minTicketSecret, maxTicketSecret)
	case bytes.Count(secret, secret[:1]) == len(secret):
		return nil, errors.New("a key of the same byte throughout")
	}
	return secret, nil
}

// Apply has cfg seal and open tickets by the keys as they are now, for domain
// alone. cfg may be in use; clones made of it before keep what they had. It is
// to be called again after Rotate and Load have reported a change.
func (k *TicketKeys) Apply(cfg *tls.Config, domain TrustDomain) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := make([][32]byte, len(k.secrets))
	for i, s := range k.secrets {
		keys[i] = domain.key(s.secret)
	}
	cfg.SetSessionTicketKeys(keys)
	clear(keys)
}

// key derives the domain's key from a secret, by HKDF without a salt (RFC 5869),
// of which one block is enough: crypto/hkdf can fail, this cannot. The parts are
// prefixed with their lengths, so that no two domains give the same text.
func (d TrustDomain) key(secret []byte) [sha256.Size]byte {
	extract := hmac.New(sha256.New, make([]byte, sha256.Size))
	extract.Write(secret)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write(d.info())
	expand.Write([]byte{1})
	return [sha256.Size]byte(expand.Sum(nil))
}

func (d TrustDomain) info() []byte {
	info := []byte("postern session ticket 1")
	for _, part := range [][]byte{[]byte(d.Listener), []byte(d.Name), d.Trust[:], d.Revocation[:]} {
		info = binary.BigEndian.AppendUint64(info, uint64(len(part)))
		info = append(info, part...)
	}
	return info
}
