package upstream

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
)

var base64Std = base64.StdEncoding

const (
	// minIterations is RFC 7677's and Kafka's.
	minIterations = 4096
	// MaxIterations is how many rounds a broker may ask for; Kafka's own limit
	// is 16,384. They cost a tenth of a second.
	MaxIterations = 1 << 17
	// maxSalt bounds the salt in bytes.
	maxSalt = 1024
	// maxNonce bounds both sides' nonces together.
	maxNonce = 1024
)

// scram is the client's side of RFC 5802 with Kafka's extension tokenauth
// (KIP-48). User name and password are sent as they are: Kafka prepares
// neither of them by SASLprep, whatever the RFC says.
type scram struct {
	c         Credentials
	newHash   func() hash.Hash
	nonce     string
	firstBare []byte
	signature []byte // that the broker must show; nil before it is known
}

func newScram(c Credentials, nonce string) *scram {
	s := &scram{c: c, newHash: sha256.New, nonce: nonce}
	if c.Mechanism == ScramSHA512 {
		s.newHash = sha512.New
	}
	return s
}

var saslName = strings.NewReplacer("=", "=3D", ",", "=2C")

func (s *scram) first() []byte {
	bare := "n=" + saslName.Replace(s.c.Username) + ",r=" + s.nonce
	if s.c.Token {
		bare += ",tokenauth=true"
	}
	s.firstBare = []byte(bare)
	return append([]byte("n,,"), bare...)
}

func (s *scram) next(msg []byte) (reply []byte, complete bool, err error) {
	if s.signature == nil {
		reply, err = s.proof(msg)
		return reply, false, err
	}
	return nil, true, s.verify(msg)
}

// proof answers the broker's first message.
func (s *scram) proof(serverFirst []byte) ([]byte, error) {
	nonce, salt, iterations, err := s.parse(serverFirst)
	if err != nil {
		return nil, err
	}
	keys, err := s.c.keys.derive(s.newHash, s.c.password, salt, iterations)
	if err != nil {
		return nil, &Error{Malformed, "SCRAM: " + err.Error()}
	}
	final := append([]byte("c=biws,r="), nonce...) // biws is "n,,"
	message := bytes.Join([][]byte{s.firstBare, serverFirst, final}, []byte(","))
	stored := s.newHash()
	stored.Write(keys.client)
	proof := s.mac(stored.Sum(nil), message)
	subtle.XORBytes(proof, proof, keys.client)
	s.signature = s.mac(keys.server, message)
	return append(append(final, ",p="...), base64Std.EncodeToString(proof)...), nil
}

func (s *scram) mac(key, message []byte) []byte {
	h := hmac.New(s.newHash, key)
	h.Write(message)
	return h.Sum(nil)
}

// parse reads the broker's nonce, salt and number of iterations.
func (s *scram) parse(msg []byte) (nonce, salt []byte, iterations int, err error) {
	fields := bytes.SplitN(msg, []byte(","), 4) // extensions are ignored
	bad := func(what string) error { return &Error{Malformed, "SCRAM: the broker's first message: " + what} }
	if len(fields) < 3 || !bytes.HasPrefix(fields[0], []byte("r=")) || !bytes.HasPrefix(fields[1], []byte("s=")) || !bytes.HasPrefix(fields[2], []byte("i=")) {
		return nil, nil, 0, bad("not a nonce, a salt and a number of iterations")
	}
	nonce = fields[0][2:]
	if !bytes.HasPrefix(nonce, []byte(s.nonce)) || len(nonce) == len(s.nonce) || len(nonce) > maxNonce {
		return nil, nil, 0, bad("its nonce does not continue ours")
	}
	if salt, err = base64Std.Strict().DecodeString(string(fields[1][2:])); err != nil || len(salt) == 0 || len(salt) > maxSalt {
		return nil, nil, 0, bad("its salt")
	}
	iterations, err = strconv.Atoi(string(fields[2][2:]))
	if err != nil || iterations < minIterations || iterations > MaxIterations {
		return nil, nil, 0, bad(fmt.Sprintf("the number of iterations is not between %d and %d", minIterations, MaxIterations))
	}
	return nonce, salt, iterations, nil
}

// verify demands that the broker knows the credential, too.
func (s *scram) verify(serverFinal []byte) error {
	field, _, _ := bytes.Cut(serverFinal, []byte(","))
	if text, failed := bytes.CutPrefix(field, []byte("e=")); failed {
		return &Error{Refused, "the broker says " + printable(string(text))}
	}
	text, ok := bytes.CutPrefix(field, []byte("v="))
	if !ok {
		return &Error{Malformed, "SCRAM: the broker's last message is no signature"}
	}
	got, err := base64Std.Strict().DecodeString(string(text))
	if err != nil || !hmac.Equal(got, s.signature) {
		return &Error{Impostor, "SCRAM: the broker's signature is wrong: it does not know the password"}
	}
	return nil
}

// scramKeys is what RFC 5802 allows a client to keep instead of the password.
type scramKeys struct{ client, server []byte }

// keyCache keeps the keys that were derived last: all brokers of a cluster name
// the same salt, and the derivation is nearly all that a login costs.
type keyCache struct {
	mu         sync.Mutex
	salt       []byte
	iterations int
	keys       scramKeys
}

// derive is called for one mechanism and one password for the life of a cache.
func (k *keyCache) derive(h func() hash.Hash, password string, salt []byte, iterations int) (scramKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.iterations == iterations && bytes.Equal(k.salt, salt) {
		return k.keys, nil
	}
	salted, err := pbkdf2.Key(h, password, salt, iterations, h().Size())
	if err != nil {
		return scramKeys{}, err
	}
	key := func(name string) []byte {
		m := hmac.New(h, salted)
		m.Write([]byte(name))
		return m.Sum(nil)
	}
	k.keys = scramKeys{client: key("Client Key"), server: key("Server Key")}
	k.salt, k.iterations = bytes.Clone(salt), iterations
	return k.keys, nil
}
