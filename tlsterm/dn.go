package tlsterm

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ErrDN is wrapped by FormatDN's errors.
var ErrDN = errors.New("tlsterm: distinguished name")

// dnKeywords are the attribute types that have a name in RFC 2253 section 2.3.
// All others are printed as numbers.
var dnKeywords = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"0.9.2342.19200300.100.1.25": "DC",
	"0.9.2342.19200300.100.1.1":  "UID",
}

// FormatDN prints a distinguished name, given as DER (x509.Certificate's
// RawSubject), exactly as Java's X500Principal.getName() does. That is RFC 2253
// with choices of its own, which ACLs and mapping rules all over the world have
// been written to: relative names in reverse order; a type without a keyword as
// its number, with the value as # and the hexadecimal DER; a backslash before
// any of ,=+<>#;"\ wherever it stands; the bytes of every string type read as
// UTF-8, whatever the type (so a BMPString prints its zero bytes, as \00).
//
// An empty name is "". The error wraps ErrDN.
func FormatDN(rawSubject []byte) (string, error) {
	in := cryptobyte.String(rawSubject)
	var rdns cryptobyte.String
	if !in.ReadASN1(&rdns, asn1.SEQUENCE) || !in.Empty() {
		return "", fmt.Errorf("%w: not one DER sequence", ErrDN)
	}
	var parts []string
	for i := 1; !rdns.Empty(); i++ {
		var rdn cryptobyte.String
		if !rdns.ReadASN1(&rdn, asn1.SET) {
			return "", fmt.Errorf("%w: part %d: not a DER set", ErrDN, i)
		}
		part, err := formatRDN(rdn)
		if err != nil {
			return "", fmt.Errorf("%w: part %d: %w", ErrDN, i, err)
		}
		parts = append(parts, part)
	}
	var out strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		out.WriteString(parts[i])
		if i > 0 {
			out.WriteByte(',')
		}
	}
	return out.String(), nil
}

// formatRDN prints the attributes of a relative name in the order they have.
func formatRDN(rdn cryptobyte.String) (string, error) {
	var out strings.Builder
	for !rdn.Empty() {
		var ava, oid, value cryptobyte.String
		var tag asn1.Tag
		if !rdn.ReadASN1(&ava, asn1.SEQUENCE) || !ava.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!ava.ReadAnyASN1Element(&value, &tag) || !ava.Empty() {
			return "", errors.New("not a DER type and value")
		}
		var parsed x509.OID
		if err := parsed.UnmarshalBinary(oid); err != nil {
			return "", fmt.Errorf("type: %w", err)
		}
		if out.Len() > 0 {
			out.WriteByte('+')
		}
		formatAVA(&out, parsed.String(), tag, value)
	}
	return out.String(), nil
}

// formatAVA prints type=value. element is the value's whole DER.
func formatAVA(out *strings.Builder, oid string, tag asn1.Tag, element cryptobyte.String) {
	keyword, known := dnKeywords[oid]
	if !known || !isDirectoryString(tag) {
		if !known {
			keyword = oid
		}
		out.WriteString(keyword)
		out.WriteString("=#")
		out.WriteString(hex.EncodeToString(element))
		return
	}
	out.WriteString(keyword)
	out.WriteByte('=')
	var content cryptobyte.String
	element.ReadASN1(&content, tag) // it was read as an element already
	escapeDN(out, javaUTF8(content))
}

const tagBMPString asn1.Tag = 30

// isDirectoryString tells the string types that Java prints as text.
// UniversalString and NumericString are not among them.
func isDirectoryString(tag asn1.Tag) bool {
	return tag == asn1.PrintableString || tag == asn1.UTF8String || tag == asn1.IA5String ||
		tag == asn1.T61String || tag == asn1.GeneralString || tag == tagBMPString
}

// escapeDN writes value with what RFC 2253 section 2.4 escapes, in Java's way:
// special characters everywhere, blanks and carriage returns at the ends.
func escapeDN(out *strings.Builder, value string) {
	const blanks = " \r"
	lead := len(value) - len(strings.TrimLeft(value, blanks))
	trail := len(strings.TrimRight(value, blanks))
	for i := range len(value) {
		switch c := value[i]; {
		case c == 0:
			out.WriteString(`\00`)
			continue
		case strings.IndexByte(`,=+<>#;"\`, c) >= 0, i < lead, i >= trail:
			out.WriteByte('\\')
		}
		out.WriteByte(value[i])
	}
}

// javaUTF8 decodes as Java's UTF-8 decoder does: each longest piece that could
// have begun a character becomes one U+FFFD, and a surrogate written in three
// bytes becomes one.
func javaUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = malformedLen(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// malformedLen is how many of the bytes at the head of b, which begin no
// character, Java replaces by one U+FFFD.
func malformedLen(b []byte) int {
	follows := func(i int, lo, hi byte) bool { return i < len(b) && b[i] >= lo && b[i] <= hi }
	lo, hi, size := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case c == 0xE0:
		lo, size = 0xA0, 3
	case c >= 0xE1 && c <= 0xEF:
		size = 3
	case c == 0xF0:
		lo, size = 0x90, 4
	case c >= 0xF1 && c <= 0xF3:
		size = 4
	case c == 0xF4:
		hi, size = 0x8F, 4
	default:
		return 1
	}
	n := 1
	if follows(1, lo, hi) {
		n = 2
		for n < size && follows(n, 0x80, 0xBF) {
			n++
		}
	}
	return n
}
