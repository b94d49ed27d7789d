package tlsterm

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A transcript is what a peer said to a server of ours after the handshake, with
// the secrets, so that the record layer can be told it again without the peer:
//
//	version, suite, secret...   hexadecimal, the secrets by their key log labels
//	sealed, opened              records that the handshake used up under the keys
//	> hex                       the socket gave this
//	= "text"                    the plaintext in it, if any
//	< hex                       what was sent then: what was pending, the text again
//	eof                         the peer has said goodbye
//
// Nothing in ours is left to chance once the keys are there, so our side of it
// is compared as well.
type transcript struct {
	about          string
	version, suite uint16
	secrets        map[string][]byte
	sealed, opened uint64
	steps          []step
}

type step struct {
	in, out []byte
	plain   string
	eof     bool
}

// The labels of the secrets: two of the key log's, and what TLS 1.2 needs.
const (
	labelClient = "CLIENT_TRAFFIC_SECRET_0"
	labelServer = "SERVER_TRAFFIC_SECRET_0"
	labelMaster = "CLIENT_RANDOM"

	secretClientRandom = "client_random"
	secretServerRandom = "server_random"
)

// scenes are what openssl is recorded with.
var scenes = []struct {
	name  string
	args  []string
	lines []string
}{
	{"tls13-aes128-keyupdates", []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"}, []string{"one", "k", "two", "K", "three", "K", "four"}},
	{"tls13-aes256-keyupdate", []string{"-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"}, []string{"one", "K", "two"}},
	{"tls13-chacha-keyupdate", []string{"-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"}, []string{"one", "K", "two"}},
	{"tls13-padded", []string{"-tls1_3", "-record_padding", "64"}, []string{"one", "K", "two"}},
	{"tls12-aes128", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}, []string{"one", "two"}},
	{"tls12-aes256", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"}, []string{"one", "two"}},
	{"tls12-chacha", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, []string{"one", "two"}},
}

// What openssl once said is understood, whole and byte by byte, and answered
// with the same bytes. -update records it anew.
func TestTranscripts(t *testing.T) {
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			path := filepath.Join("testdata", "transcripts", scene.name+".txt")
			if *update {
				write(t, path, record(t, scene.args, scene.lines))
			}
			tr := read(t, path)
			for _, chunk := range []int{1 << 20, 1, 7} {
				tr.replay(t, chunk)
			}
		})
	}
}

// replay tells the record layer what the peer said, in pieces.
func (tr *transcript) replay(t *testing.T, chunk int) {
	t.Helper()
	c := &Conn{records: tr.takenOver(t), version: tr.version, suite: tr.suite}
	defer c.Release()
	for i, s := range tr.steps {
		var plain []byte
		var err error
		for piece := range slices.Chunk(bytes.Clone(s.in), chunk) {
			if err == nil {
				err = c.Feed(piece, func(p []byte) { plain = append(plain, p...) })
			}
		}
		if string(plain) != s.plain {
			t.Fatalf("in pieces of %d: step %d: %q instead of %q", chunk, i, plain, s.plain)
		}
		if want := (map[bool]error{true: io.EOF})[s.eof]; !errors.Is(err, want) {
			t.Fatalf("in pieces of %d: step %d: %v", chunk, i, err)
		}
		if out := answer(t, c, plain, s.eof); !bytes.Equal(out, s.out) {
			t.Fatalf("in pieces of %d: step %d: sent %x instead of %x", chunk, i, out, s.out)
		}
	}
}

// answer is what a recorded server does after each read.
func answer(t *testing.T, c *Conn, plain []byte, eof bool) []byte {
	t.Helper()
	if eof {
		return c.CloseNotify(nil)
	}
	out, err := c.Seal(nil, plain)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// takenOver is the record layer of the recorded server as it was after its
// handshake.
func (tr *transcript) takenOver(t *testing.T) *own {
	t.Helper()
	o := &own{suite: suiteOf(tr.suite), v13: tr.version == tls.VersionTLS13, limit: rekeyAfter}
	var err error
	if o.v13 {
		err = errors.Join(o.in.set13(o.suite, tr.secrets[labelClient]), o.out.set13(o.suite, tr.secrets[labelServer]))
	} else {
		if !o.suite.chacha {
			o.explicit = explicit12
		}
		err = keys12(o.suite, tr.secrets[labelMaster], tr.secrets[secretClientRandom], tr.secrets[secretServerRandom], &o.in, &o.out)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.in.seq, o.out.seq = tr.opened, tr.sealed
	return o
}

// record runs openssl against a server of ours.
func record(t *testing.T, args, lines []string) *transcript {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal(err)
	}
	tr := &transcript{secrets: map[string][]byte{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.CommandContext(patient(t), openssl, append([]string{"s_client", "-connect", l.Addr().String(), "-quiet", "-no_ign_eof"}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	socket, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	cert, _ := selfSigned(t)
	cfg := ServerConfig(cert, nil, None)
	cfg.KeyLogWriter = tr
	hello := &firstWrite{Conn: socket}
	c, _, err := Own.Server(patient(t), hello, cfg)
	if err != nil {
		t.Fatal(err)
	}
	o, ok := c.records.(*own)
	if !ok {
		t.Fatal("not taken over")
	}
	tr.version, tr.suite, tr.sealed, tr.opened = c.Version(), c.CipherSuite(), o.out.seq, o.in.seq
	tr.secrets[secretServerRandom] = hello.b[recordHeaderLen+helloLen-randomLen:][:randomLen]
	buf := make([]byte, 64<<10)
	for _, line := range append(lines, "") {
		// Each line goes alone, so that openssl knows a command by its beginning.
		if line == "" {
			err = stdin.Close()
		} else {
			_, err = io.WriteString(stdin, line+"\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		s := step{in: bytes.Clone(buf[:n])}
		var plain []byte
		err = c.Feed(buf[:n], func(p []byte) { plain = append(plain, p...) })
		if s.eof = errors.Is(err, io.EOF); err != nil && !s.eof {
			t.Fatal(err)
		}
		s.plain, s.out = string(plain), answer(t, c, plain, s.eof)
		if _, err := socket.Write(s.out); err != nil {
			t.Fatal(err)
		}
		tr.steps = append(tr.steps, s)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(openssl, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	tr.about = fmt.Sprintf("%s s_client %s; lines: %s", bytes.TrimSpace(version), strings.Join(args, " "), strings.Join(lines, ", "))
	return tr
}

// Write takes a line of the key log.
func (tr *transcript) Write(line []byte) (int, error) {
	words := strings.Fields(string(line))
	if len(words) != 3 {
		return 0, fmt.Errorf("key log: %q", line)
	}
	if label := words[0]; label == labelClient || label == labelServer || label == labelMaster {
		tr.secrets[label], _ = hex.DecodeString(words[2]) // crypto/tls wrote it
		tr.secrets[secretClientRandom], _ = hex.DecodeString(words[1])
	}
	return len(line), nil
}

// firstWrite remembers what was written first: the server's hello.
type firstWrite struct {
	net.Conn
	b []byte
}

func (w *firstWrite) Write(p []byte) (int, error) {
	if w.b == nil {
		w.b = bytes.Clone(p)
	}
	return w.Conn.Write(p)
}

func write(t *testing.T, path string, tr *transcript) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\nversion %04x\nsuite %04x\n", tr.about, tr.version, tr.suite)
	for _, label := range []string{labelClient, labelServer, labelMaster, secretClientRandom, secretServerRandom} {
		if secret, ok := tr.secrets[label]; ok {
			fmt.Fprintf(&b, "%s %x\n", label, secret)
		}
	}
	fmt.Fprintf(&b, "sealed %d\nopened %d\n", tr.sealed, tr.opened)
	for _, s := range tr.steps {
		fmt.Fprintf(&b, "\n> %x\n", s.in)
		if s.plain != "" {
			fmt.Fprintf(&b, "= %q\n", s.plain)
		}
		if s.eof {
			b.WriteString("eof\n")
		}
		if len(s.out) > 0 {
			fmt.Fprintf(&b, "< %x\n", s.out)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) *transcript {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tr := &transcript{secrets: map[string][]byte{}}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if err := tr.line(lines.Text()); err != nil {
			t.Fatalf("%s: %q: %v", path, lines.Text(), err)
		}
	}
	if len(tr.steps) == 0 || suiteOf(tr.suite) == nil {
		t.Fatalf("%s: no conversation, or suite %04x", path, tr.suite)
	}
	return tr
}

func (tr *transcript) line(line string) (err error) {
	word, rest, _ := strings.Cut(line, " ")
	last := len(tr.steps) - 1
	switch word {
	case "", "#":
	case "version", "suite":
		var n uint64
		n, err = strconv.ParseUint(rest, 16, 16)
		*map[string]*uint16{"version": &tr.version, "suite": &tr.suite}[word] = uint16(n)
	case "sealed":
		tr.sealed, err = strconv.ParseUint(rest, 10, 64)
	case "opened":
		tr.opened, err = strconv.ParseUint(rest, 10, 64)
	case ">":
		tr.steps = append(tr.steps, step{})
		tr.steps[last+1].in, err = hex.DecodeString(rest)
	case "=":
		tr.steps[last].plain, err = strconv.Unquote(rest)
	case "<":
		tr.steps[last].out, err = hex.DecodeString(rest)
	case "eof":
		tr.steps[last].eof = true
	default:
		tr.secrets[word], err = hex.DecodeString(rest)
	}
	return err
}
