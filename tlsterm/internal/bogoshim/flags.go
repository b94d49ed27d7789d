package main

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// errHandshakerAsked stands for the runner's question whether the shim can
// split a handshake between processes.
var errHandshakerAsked = errors.New("asked for a handshaker")

// flags are those of the runner that the shim knows. Those of one connection
// are per, which can be given for the first or for the resumed ones alone.
type flags struct {
	port        string
	shimID      uint64
	ipv6        bool
	server      bool
	resumeCount int

	initial, resumed per
}

// per is what may differ between the first connection and those that resume.
type per struct {
	// how to connect
	certFile, keyFile, trustCert string
	ocspResponse                 []byte
	signingPrefs                 []tls.SignatureScheme
	minVersion, maxVersion       uint16
	curves                       []tls.CurveID
	advertiseALPN                []string
	selectALPN                   string
	declineALPN, rejectALPN      bool
	hostName                     string
	verifyPeer, verifyFail       bool
	requireClientCert            bool
	noTicket                     bool
	failCertCallback             bool

	// how to behave
	async            bool // bytes come and go one at a time
	writesFirst      bool
	shutsDown        bool
	checkCloseNotify bool

	// what to expect
	expectVersion        uint16
	expectALPN           string
	expectNoALPN         bool
	expectAdvertisedALPN []string
	expectCurve          tls.CurveID
	expectCipher         uint16
	expectHRR            *bool
	expectResumed        *bool
	expectServerName     string
	expectOCSPResponse   []byte
	expectPeerSigAlgs    []tls.SignatureScheme
}

// setter reads the value of a flag, which is "" for one that takes none.
type setter struct {
	takesValue bool
	set        func(p *per, value string) error
}

func boolean(set func(*per)) setter {
	return setter{false, func(p *per, _ string) error { set(p); return nil }}
}

func text(field func(*per) *string) setter {
	return setter{true, func(p *per, v string) error { *field(p) = v; return nil }}
}

func number(set func(p *per, n uint16)) setter {
	return setter{true, func(p *per, v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		set(p, uint16(n))
		return err
	}}
}

func base64Bytes(field func(*per) *[]byte) setter {
	return setter{true, func(p *per, v string) (err error) {
		*field(p), err = base64.StdEncoding.DecodeString(v)
		return err
	}}
}

func protocols(field func(*per) *[]string) setter {
	return setter{true, func(p *per, v string) (err error) {
		*field(p), err = splitProtocols(v)
		return err
	}}
}

// nothing is a flag for what tlsterm does anyhow.
var nothing = boolean(func(*per) {})

var yes, no = true, false

// setters are the flags of a connection, without the leading dash.
var setters = map[string]setter{
	"cert-file":     text(func(p *per) *string { return &p.certFile }),
	"key-file":      text(func(p *per) *string { return &p.keyFile }),
	"trust-cert":    text(func(p *per) *string { return &p.trustCert }),
	"ocsp-response": base64Bytes(func(p *per) *[]byte { return &p.ocspResponse }),
	"signing-prefs": number(func(p *per, n uint16) { p.signingPrefs = append(p.signingPrefs, tls.SignatureScheme(n)) }),

	"min-version": number(func(p *per, n uint16) { p.minVersion = max(p.minVersion, n) }),
	"max-version": number(func(p *per, n uint16) { p.maxVersion = min(p.maxVersion, n) }),
	"no-tls1":     nothing,
	"no-tls11":    nothing,
	"no-tls12":    boolean(func(p *per) { p.minVersion = tls.VersionTLS13 }),
	"no-tls13":    boolean(func(p *per) { p.maxVersion = min(p.maxVersion, tls.VersionTLS12) }),
	"curves":      {true, setCurve},

	"advertise-alpn": protocols(func(p *per) *[]string { return &p.advertiseALPN }),
	"select-alpn":    text(func(p *per) *string { return &p.selectALPN }),
	"decline-alpn":   boolean(func(p *per) { p.declineALPN = true }),
	"reject-alpn":    boolean(func(p *per) { p.rejectALPN = true }),
	"host-name":      text(func(p *per) *string { return &p.hostName }),

	"verify-peer":                    boolean(func(p *per) { p.verifyPeer = true }),
	"verify-fail":                    boolean(func(p *per) { p.verifyFail = true }),
	"require-any-client-certificate": boolean(func(p *per) { p.requireClientCert = true }),
	"fail-cert-callback":             boolean(func(p *per) { p.failCertCallback = true }),
	"use-custom-verify-callback":     nothing,
	"reverify-on-resume":             nothing, // VerifyConnection always does
	"expect-verify-result":           nothing, // a bad chain has ended the handshake
	"enable-ocsp-stapling":           nothing,
	"enable-signed-cert-timestamps":  nothing,
	"no-ticket":                      boolean(func(p *per) { p.noTicket = true }),

	"implicit-handshake": nothing, // there is no other here than before the first read
	"async":              boolean(func(p *per) { p.async = true }),
	"shim-writes-first":  boolean(func(p *per) { p.writesFirst = true }),
	"shim-shuts-down":    boolean(func(p *per) { p.shutsDown = true }),
	"check-close-notify": boolean(func(p *per) { p.checkCloseNotify = true }),

	"expect-version":         number(func(p *per, n uint16) { p.expectVersion = n }),
	"expect-alpn":            text(func(p *per) *string { return &p.expectALPN }),
	"expect-no-alpn":         boolean(func(p *per) { p.expectNoALPN = true }),
	"expect-advertised-alpn": protocols(func(p *per) *[]string { return &p.expectAdvertisedALPN }),
	"expect-curve-id":        number(func(p *per, n uint16) { p.expectCurve = tls.CurveID(n) }),
	"expect-cipher":          number(func(p *per, n uint16) { p.expectCipher = n }),
	"expect-hrr":             boolean(func(p *per) { p.expectHRR = &yes }),
	"expect-no-hrr":          boolean(func(p *per) { p.expectHRR = &no }),
	"expect-session-miss":    boolean(func(p *per) { p.expectResumed = &no }),
	"expect-server-name":     text(func(p *per) *string { return &p.expectServerName }),
	"expect-ocsp-response":   base64Bytes(func(p *per) *[]byte { return &p.expectOCSPResponse }),
	"expect-peer-verify-pref": number(func(p *per, n uint16) {
		p.expectPeerSigAlgs = append(p.expectPeerSigAlgs, tls.SignatureScheme(n))
	}),
}

// groups are those of crypto/tls.
var groups = []tls.CurveID{
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
	tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
}

func setCurve(p *per, value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	if err == nil && !slices.Contains(groups, tls.CurveID(n)) {
		err = fmt.Errorf("%w: group %d", errUnimplemented, n)
	}
	p.curves = append(p.curves, tls.CurveID(n))
	return err
}

// parseFlags reads the runner's arguments. Later flags come on top of earlier
// ones, as the order of -on-resume flags demands.
func parseFlags(args []string) (*flags, error) {
	f := &flags{}
	for _, p := range []*per{&f.initial, &f.resumed} {
		p.minVersion, p.maxVersion = tls.VersionTLS12, tls.VersionTLS13
	}
	for len(args) > 0 {
		rest, err := f.take(args[0], args[1:])
		if err != nil {
			return nil, err
		}
		args = rest
	}
	for _, p := range []*per{&f.initial, &f.resumed} {
		if p.minVersion > p.maxVersion {
			return nil, fmt.Errorf("%w: a version below TLS 1.2, or none", errUnimplemented)
		}
	}
	return f, nil
}

// take reads one flag and returns the arguments behind it and its value.
func (f *flags) take(flag string, rest []string) ([]string, error) {
	switch flag {
	case "-is-handshaker-supported":
		return nil, errHandshakerAsked
	case "-server":
		f.server = true
		return rest, nil
	case "-ipv6":
		f.ipv6 = true
		return rest, nil
	}
	for prefix, to := range map[string][]*per{
		"-on-initial-": {&f.initial},
		"-on-resume-":  {&f.resumed},
	} {
		if name, ok := strings.CutPrefix(flag, prefix); ok {
			return setFor(to, name, rest)
		}
	}
	if f.ofShim(flag) {
		if len(rest) == 0 {
			return nil, fmt.Errorf("%s: no value", flag)
		}
		return rest[1:], f.setOfShim(flag, rest[0])
	}
	return setFor([]*per{&f.initial, &f.resumed}, strings.TrimPrefix(flag, "-"), rest)
}

func setFor(to []*per, name string, rest []string) ([]string, error) {
	s, ok := setters[name]
	if !ok {
		return nil, fmt.Errorf("%w: flag -%s", errUnimplemented, name)
	}
	value := ""
	if s.takesValue {
		if len(rest) == 0 {
			return nil, fmt.Errorf("-%s: no value", name)
		}
		value, rest = rest[0], rest[1:]
	}
	for _, p := range to {
		if err := s.set(p, value); err != nil {
			return nil, fmt.Errorf("-%s: %w", name, err)
		}
	}
	return rest, nil
}

func (f *flags) ofShim(flag string) bool {
	return flag == "-port" || flag == "-shim-id" || flag == "-resume-count"
}

func (f *flags) setOfShim(flag, value string) (err error) {
	switch flag {
	case "-port":
		f.port = value
	case "-shim-id":
		f.shimID, err = strconv.ParseUint(value, 10, 64)
	case "-resume-count":
		f.resumeCount, err = strconv.Atoi(value)
	}
	return err
}

// splitProtocols reads a list in ALPN's form: each name behind its length.
func splitProtocols(list string) ([]string, error) {
	var names []string
	for len(list) > 0 {
		n := int(list[0])
		if n == 0 || n >= len(list) {
			return nil, fmt.Errorf("protocol list %q", list)
		}
		names = append(names, list[1:1+n])
		list = list[1+n:]
	}
	return names, nil
}
