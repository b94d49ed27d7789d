package tlsterm

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "make the golden files anew with the JDK")

// regenerate runs a Java program of one file and returns what it prints.
func regenerate(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("java", append([]string{"-Dfile.encoding=UTF-8"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("java %s: %v", args, err)
	}
	return out
}

type dnVector struct {
	about   string
	der     []byte
	want    string
	refused bool // by Java
}

func dnVectors(tb testing.TB) []dnVector {
	tb.Helper()
	golden, err := os.ReadFile(filepath.Join("testdata", "dn", "vectors.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []dnVector
	for line := range strings.Lines(string(golden)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		v := dnVector{about: f[0], refused: f[2] == "refused"}
		if v.der, err = hex.DecodeString(f[1]); err != nil {
			tb.Fatal(err)
		}
		if !v.refused {
			if v.want, err = strconv.Unquote(f[2]); err != nil {
				tb.Fatalf("%s: %v", f[2], err)
			}
		}
		all = append(all, v)
	}
	return all
}

// Every name is printed as the JDK prints it (testdata/dn/DnVectors.java).
func TestFormatDN(t *testing.T) {
	if *update {
		dir := filepath.Join("testdata", "dn")
		if err := os.WriteFile(filepath.Join(dir, "vectors.tsv"), regenerate(t, dir, "DnVectors.java"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	vectors := dnVectors(t)
	if len(vectors) < 300 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, v := range vectors {
		got, err := FormatDN(v.der)
		switch {
		case v.refused:
			if !errors.Is(err, ErrDN) {
				t.Errorf("%s: %q, %v; Java refuses it", v.about, got, err)
			}
		case err != nil:
			t.Errorf("%s: %v", v.about, err)
		case got != v.want:
			t.Errorf("%s: %q, want %q", v.about, got, v.want)
		}
	}
}

// Every proper prefix of a name is refused, and so is anything behind it.
func TestFormatDNPrefix(t *testing.T) {
	for _, v := range dnVectors(t) {
		if len(v.der) > 200 {
			continue
		}
		for n := range v.der {
			if got, err := FormatDN(v.der[:n]); !errors.Is(err, ErrDN) {
				t.Fatalf("%s: its first %d bytes print %q, %v", v.about, n, got, err)
			}
		}
		if _, err := FormatDN(append(bytes.Clone(v.der), 0)); !errors.Is(err, ErrDN) {
			t.Fatalf("%s: a byte behind it: %v", v.about, err)
		}
	}
}

// FuzzFormatDN: no panic; text out is UTF-8, of bounded size, and says as many
// parts as the name has.
func FuzzFormatDN(f *testing.F) {
	for _, v := range dnVectors(f) {
		if len(v.der) < 500 {
			f.Add(v.der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		got, err := FormatDN(der)
		if err != nil {
			if !errors.Is(err, ErrDN) || got != "" {
				t.Fatalf("%q with error %v", got, err)
			}
			return
		}
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		if len(got) > 8*len(der) {
			t.Fatalf("%d bytes became %d", len(der), len(got))
		}
		var name pkix.RDNSequence
		if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) > 0 {
			return
		}
		commas := strings.Count(strings.ReplaceAll(got, `\,`, ""), ",")
		if !strings.Contains(got, `\`) && commas != max(len(name)-1, 0) {
			t.Fatalf("%d parts print %q", len(name), got)
		}
	})
}

func BenchmarkFormatDN(b *testing.B) {
	der := dnVectors(b)[2].der
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FormatDN(der); err != nil {
			b.Fatal(err)
		}
	}
}
