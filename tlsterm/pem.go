package tlsterm

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// pemStore is a file of PEM blocks: at most one key is used, the first.
type pemStore struct {
	keyBlock *pem.Block
	certs    []*x509.Certificate
}

func readPEM(data []byte) (store, error) {
	s := new(pemStore)
	for n := 1; ; n++ {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("PEM block %d: %w", n, err)
			}
			s.certs = append(s.certs, c)
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
			if s.keyBlock == nil {
				s.keyBlock = block
			}
		}
	}
	if s.keyBlock == nil && len(s.certs) == 0 {
		return nil, errors.New("no certificate and no private key among its PEM blocks")
	}
	return s, nil
}

func (s *pemStore) aliases() []string {
	if s.keyBlock == nil {
		return nil
	}
	return []string{"key"} // what Kafka's PEM store calls it
}

func (s *pemStore) key(_ int, keyPassword string) (storedKey, error) {
	key, err := s.parseKey(keyPassword)
	if err != nil {
		return storedKey{}, err
	}
	chain, err := chainFor(key, s.certs, func(*x509.Certificate) bool { return false })
	return storedKey{alias: "key", key: key, chain: chain}, err
}

func (s *pemStore) parseKey(keyPassword string) (crypto.PrivateKey, error) {
	der := s.keyBlock.Bytes
	if s.keyBlock.Headers["DEK-Info"] != "" {
		return nil, errors.New("encrypted in the old PEM way; convert it with openssl pkcs8 -topk8")
	}
	switch s.keyBlock.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(der)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(der)
	case "ENCRYPTED PRIVATE KEY":
		if len(s.certs) == 0 {
			return nil, errNoCertificate
		}
		return decryptPKCS8(der, s.certs[0], keyPassword)
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// anchors of a PEM file are all its certificates: nobody writes one into a
// trust store of that kind by accident.
func (s *pemStore) anchors() ([]*x509.Certificate, error) { return s.certs, nil }
