package tlsterm

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// established is a pair over mutual TLS in the given version.
func established(tb testing.TB, version uint16) (client, server *Conn) {
	tb.Helper()
	return engines{}.established(tb, version)
}

func (e engines) established(tb testing.TB, version uint16) (client, server *Conn) {
	tb.Helper()
	cert, pool := selfSigned(tb)
	cfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	cfg.MaxVersion = version
	client, server, _ = e.pair(tb, cfg, ServerConfig(cert, pool, Require))
	return client, server
}

// eachVersion runs a test in both versions, with each engine on both sides.
func eachVersion(t *testing.T, test func(t *testing.T, version uint16, e engines)) {
	for _, v := range versions {
		for _, e := range []Engine{Own, Std} {
			t.Run(tls.VersionName(v)+" "+e.String(), func(t *testing.T) { test(t, v, engines{e, e}) })
		}
	}
}

func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	return b
}

func seal(tb testing.TB, c *Conn, plain []byte) []byte {
	tb.Helper()
	out, err := c.Seal(nil, plain)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// However the ciphertext is cut, the plaintext is the same, in both directions;
// what Feed was given may be overwritten as soon as it returns.
func TestChop(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		for _, chunk := range []int{1, 7, 1000, 16 << 10, 1 << 20} {
			client, server := e.established(t, version)
			for _, way := range []struct{ from, to *Conn }{{client, server}, {server, client}} {
				var want, sealed []byte
				for _, n := range []int{0, 1, 200, 1400, maxPlaintext - 1, maxPlaintext, maxPlaintext + 1, 50_000} {
					plain := text(n)
					want = append(want, plain...)
					sealed = append(sealed, seal(t, way.from, plain)...)
				}
				var got []byte
				for len(sealed) > 0 {
					piece := bytes.Clone(sealed[:min(chunk, len(sealed))])
					sealed = sealed[len(piece):]
					if err := way.to.Feed(piece, func(p []byte) { got = append(got, p...) }); err != nil {
						t.Fatal(err)
					}
					for i := range piece {
						piece[i] = 0xAA
					}
				}
				if !bytes.Equal(got, want) {
					t.Errorf("in pieces of %d: %d bytes of %d, or others", chunk, len(got), len(want))
				}
			}
		}
	})
}

// A plaintext slice is one record, valid during the call; a Seal of any size
// appends and keeps what was in dst.
func TestRecords(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		client, server := e.established(t, version)
		out, err := client.Seal([]byte("before"), text(maxPlaintext+5))
		if err != nil || !bytes.HasPrefix(out, []byte("before")) {
			t.Fatalf("%q, %v", out[:10], err)
		}
		var sizes []int
		if err := server.Feed(out[len("before"):], func(p []byte) { sizes = append(sizes, len(p)) }); err != nil {
			t.Fatal(err)
		}
		want := []int{maxPlaintext, 5}
		if e.client == Own {
			want = []int{smallPlain, smallPlain, smallPlain, smallPlain, maxPlaintext + 5 - smallRecords*smallPlain}
		}
		if !slices.Equal(sizes, want) {
			t.Errorf("records of %d bytes, want %d", sizes, want)
		}
	})
}

func TestCloseNotify(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		client, server := e.established(t, version)
		last := seal(t, client, []byte("last"))
		out := client.CloseNotify(last)
		if again := client.CloseNotify(nil); len(again) != 0 {
			t.Errorf("a second close_notify of %d bytes", len(again))
		}
		if _, err := client.Seal(nil, []byte("x")); !errors.Is(err, ErrTLS) {
			t.Errorf("sealed after close_notify: %v", err)
		}
		var got []byte
		collect := func(p []byte) { got = append(got, p...) }
		if err := server.Feed(append(out, "trailing"...), collect); !errors.Is(err, io.EOF) || string(got) != "last" {
			t.Errorf("%q, %v", got, err)
		}
		if err := server.Feed([]byte("more"), collect); !errors.Is(err, io.EOF) {
			t.Errorf("fed after the end: %v", err)
		}
		// The other direction still works: a half-closed peer gets its answers.
		got = nil
		if err := client.Feed(seal(t, server, []byte("answer")), collect); err != nil || string(got) != "answer" {
			t.Errorf("%q, %v", got, err)
		}
		if err := client.Feed(server.CloseNotify(nil), collect); !errors.Is(err, io.EOF) {
			t.Errorf("the answer's end: %v", err)
		}
	})
}

// A record whose end never comes gives nothing, and a socket that ends there
// has not said that it was the end.
func TestTruncation(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		sender, receiver := e.established(t, version)
		sealed := seal(t, sender, []byte("a secret"))
		for i := range sealed {
			called := false
			if err := receiver.Feed(sealed[i:i+1], func([]byte) { called = true }); err != nil {
				t.Fatal(err)
			}
			if called != (i == len(sealed)-1) {
				t.Fatalf("plaintext after %d bytes of %d: %v", i+1, len(sealed), called)
			}
		}
	})
}

// Every byte of a record counts: any change ends the connection with an alert
// for the peer, and no plaintext.
func TestCorruption(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		cert, pool := selfSigned(t)
		cfg := ClientConfig(ClientOptions{Roots: pool, ServerName: "localhost"})
		cfg.MaxVersion = version
		serverCfg := ServerConfig(cert, nil, None)
		for _, at := range []int{0, 1, 2, 5, 12, -1} {
			client, server, _ := e.pair(t, cfg, serverCfg)
			sealed := seal(t, client, []byte("a secret"))
			if at < 0 {
				at += len(sealed)
			}
			sealed[at] ^= 0x40
			err := server.Feed(sealed, func(p []byte) { t.Errorf("byte %d: plaintext %q", at, p) })
			if !errors.Is(err, ErrTLS) || HandshakeCause(err) != "protocol error" {
				t.Fatalf("byte %d: %v (%s)", at, err, HandshakeCause(err))
			}
			if again := server.Feed(nil, nil); again == nil || again.Error() != err.Error() {
				t.Errorf("byte %d: then %v", at, again)
			}
			alert := server.Pending(nil)
			if err := client.Feed(alert, nil); len(alert) == 0 || !strings.HasPrefix(HandshakeCause(err), "peer alert: ") {
				t.Errorf("byte %d: the peer is told %v", at, err)
			}
			if _, err := server.Seal(nil, []byte("x")); !errors.Is(err, ErrTLS) {
				t.Errorf("byte %d: sealed after an alert: %v", at, err)
			}
		}
	})
}

// What waits to be sent goes before what is sealed under newer keys.
func TestPendingFirst(t *testing.T) {
	for _, e := range []Engine{Own, Std} {
		t.Run(e.String(), func(t *testing.T) {
			_, server := engines{e, e}.established(t, tls.VersionTLS13)
			wait := func(b []byte) {
				switch r := server.records.(type) {
				case *own:
					r.out0 = b
				case *std:
					r.wire.out = b
				}
			}
			wait([]byte("pending "))
			out, err := server.Seal([]byte("dst "), []byte("x"))
			if err != nil || !bytes.HasPrefix(out, []byte("dst pending \x17\x03\x03")) {
				t.Errorf("%q, %v", out[:16], err)
			}
			if rest := server.Pending(nil); len(rest) != 0 {
				t.Errorf("%q is pending twice", rest)
			}
			wait(make([]byte, maxPending+1))
			if err := server.Feed(nil, nil); !errors.Is(err, ErrNotSent) {
				t.Errorf("a caller who does not send: %v", err)
			}
		})
	}
}

// A TLS 1.3 server's refusal of our certificate comes after our handshake.
func TestLateRefusal(t *testing.T) {
	ca, rogue := newAuthority(t, "CA"), newAuthority(t, "Rogue CA")
	cert := rogue.issue(t, "client", newECKey())
	client, _ := shake(t, ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"}),
		ServerConfig(ca.issue(t, "server", newECKey()), ca.pool, Require))
	if client.conn == nil || HandshakeCause(client.err) != "peer alert: unknown_ca" {
		t.Errorf("%v", client.err)
	}
}

// Key updates come from openssl: crypto/tls starts none.
func TestKeyUpdate(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs the openssl program, as the only peer here that starts key updates")
	}
	cert, _ := selfSigned(t)
	for _, c := range []struct {
		name, command string
		pending       bool
	}{
		{"to be answered", "K\n", true},
		{"not to be answered", "k\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			cmd := exec.CommandContext(patient(t), openssl, "s_client", "-connect", l.Addr().String(), "-tls1_3", "-quiet", "-no_ign_eof")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
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
			if err := socket.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			conn, _, err := Server(patient(t), socket, ServerConfig(cert, nil, None))
			if err != nil {
				t.Fatal(err)
			}
			talk(t, conn, socket, stdin, c.command, c.pending)
			// openssl prints what it could read under the keys that are now ours.
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil || line != "echo: after\n" {
				t.Errorf("openssl printed %q, %v", line, err)
			}
			stdin.Close()
			socket.Close()
			_ = cmd.Wait() // its exit code tells how we closed, which is not the question
		})
	}
}

// talk gives openssl a command and a line, and echoes the line when it has come.
func talk(t *testing.T, conn *Conn, socket net.Conn, stdin io.Writer, command string, wantPending bool) {
	t.Helper()
	if _, err := io.WriteString(stdin, command); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16<<10)
	var got, sent []byte
	saidAfter := false
	for !bytes.HasSuffix(got, []byte("after\n")) {
		if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatalf("%q, then %v", got, err)
		}
		if err := conn.Feed(buf[:n], func(p []byte) { got = append(got, p...) }); err != nil {
			t.Fatal(err)
		}
		if !saidAfter { // the command's record has come; openssl reads a command only at the start of its input
			saidAfter = true
			if _, err := io.WriteString(stdin, "after\n"); err != nil {
				t.Fatal(err)
			}
		}
		answer := conn.Pending(nil)
		sent = append(sent, answer...)
		if _, err := socket.Write(answer); err != nil {
			t.Fatal(err)
		}
	}
	if (len(sent) > 0) != wantPending {
		t.Errorf("%d bytes were pending", len(sent))
	}
	if _, err := socket.Write(seal(t, conn, append([]byte("echo: "), got...))); err != nil {
		t.Fatal(err)
	}
}

// The whole of it with certificates that keytool made, as the founding demo
// has them: one self-signed certificate on both sides, its own trust anchor.
func TestKeytoolStores(t *testing.T) {
	cert, err := LoadKeyStore(keySpec(filepath.Join("testdata", "stores", "pkcs12-named.jks"), "storepass"), "storepass", "X")
	if err != nil {
		t.Fatal(err)
	}
	pool, _, err := LoadTrustStore(keySpec(filepath.Join("testdata", "stores", "trust.p12"), "storepass"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, id := pair(t, ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"}), ServerConfig(cert, pool, Require))
	if id.DN() != "CN=server,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK" {
		t.Errorf("identity %q", id.DN())
	}
}

// FuzzFeed changes, cuts and repeats records: no panic, no plaintext that was not
// sent, errors of ours only, and never more pending than was fed.
func FuzzFeed(f *testing.F) {
	f.Add(uint64(1), false, []byte{})
	f.Add(uint64(2), true, []byte{0, 10, 1})
	f.Add(uint64(3), true, []byte{5, 255, 30, 1, 200, 7})
	cert, pool := selfSigned(f)
	serverCfg := ServerConfig(cert, nil, None)
	f.Fuzz(func(t *testing.T, seed uint64, tls13 bool, edits []byte) {
		cfg := ClientConfig(ClientOptions{Roots: pool, ServerName: "localhost"})
		cfg.MaxVersion = tls.VersionTLS12
		if tls13 {
			cfg.MaxVersion = tls.VersionTLS13
		}
		client, server, _ := pair(t, cfg, serverCfg)
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's
		var sent, sealed []byte
		for range 3 {
			plain := text(random.IntN(300))
			sent = append(sent, plain...)
			sealed = append(sealed, seal(t, client, plain)...)
		}
		for i := 0; i+2 < len(edits) && len(sealed) > 0; i += 3 { // where, what, how
			at := int(edits[i]) * len(sealed) / 256
			switch edits[i+2] % 3 {
			case 0:
				sealed[at] ^= edits[i+1]
			case 1:
				sealed = append(sealed[:at], sealed[min(len(sealed), at+int(edits[i+1])):]...)
			case 2:
				sealed = append(sealed, sealed[at:min(len(sealed), at+int(edits[i+1]))]...)
			}
		}
		var got []byte
		for len(sealed) > 0 {
			n := min(len(sealed), 1+random.IntN(100))
			err := server.Feed(sealed[:n], func(p []byte) { got = append(got, p...) })
			sealed = sealed[n:]
			if err != nil {
				if !errors.Is(err, ErrTLS) && !errors.Is(err, io.EOF) {
					t.Fatalf("error %v", err)
				}
				break
			}
		}
		if !bytes.HasPrefix(sent, got) {
			t.Fatalf("%d bytes came that were not sent", len(got))
		}
		if n := len(server.Pending(nil)); n > 100 {
			t.Fatalf("%d bytes are pending", n)
		}
	})
}

// FuzzServer lets a stranger speak first: no panic, an error of ours, a named cause.
func FuzzServer(f *testing.F) {
	hello := clientHello(f)
	f.Add(hello)
	f.Add(hello[:50])
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x00\x00\x00\x2a\x00\x12\x00\x03"))
	cert, _ := selfSigned(f)
	cfg := ServerConfig(cert, nil, None)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := Server(t.Context(), &canned{in: b}, cfg)
		if !errors.Is(err, ErrTLS) || HandshakeCause(err) == "" {
			t.Fatalf("error %v", err)
		}
	})
}

// canned is a socket that reads from a slice and forgets what is written.
type canned struct {
	net.Conn
	in []byte
}

func (c *canned) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}
func (c *canned) Write(p []byte) (int, error) { return len(p), nil }
func (c *canned) SetDeadline(time.Time) error { return nil }

// FuzzStores reads any bytes as a key store and a trust store: no panic, no
// memory that the file's size does not explain, errors of ours only.
func FuzzStores(f *testing.F) {
	files, err := os.ReadDir(filepath.Join("testdata", "stores"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), "several") || file.IsDir() {
			continue
		}
		data, err := os.ReadFile(storePath(file.Name()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "storepass", "storepass")
		if strings.HasSuffix(file.Name(), ".jks") {
			f.Add(data, "", "keypass") // without the check sum changes go deeper
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, password, keyPassword string) {
		cert, err := parseKeyStore(data, keySpec("x", password), keyPassword, "X")
		if err != nil && !errors.Is(err, ErrStore) || err == nil && (cert.PrivateKey == nil || len(cert.Certificate) == 0) {
			t.Fatalf("key store: %v", err)
		}
		pool, anchors, err := parseTrustStore(data, keySpec("x", password))
		if err != nil && !errors.Is(err, ErrStore) || err == nil && (pool == nil || len(anchors) == 0) {
			t.Fatalf("trust store: %v", err)
		}
	})
}
