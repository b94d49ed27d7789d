package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Golden vectors are answers as they came off a wire, whole frames in hex, named
// <key>_<name>_v<version>_<note>.hex and opening with a comment that says where
// they were captured. Beside each stands what Whole must do to it, as .patch.

const goldenDir = "testdata/golden"

var goldenName = regexp.MustCompile(`^(\d+)_(\w+)_v(\d+)_([\w.-]+)\.hex$`)

// goldenView is what the patches in testdata/golden were made with.
var goldenView = moved{host: "gw.example.com", lost: 1 << 30}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden vectors in %s: %v", goldenDir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hex"), func(t *testing.T) {
			h, frame := readVector(t, file)
			checkVector(t, h, frame)
			comparePatch(t, strings.TrimSuffix(file, ".hex")+".patch", patchText(t, h, frame))
		})
	}
}

func readVector(t testing.TB, file string) (Head, []byte) {
	t.Helper()
	m := goldenName.FindStringSubmatch(filepath.Base(file))
	if m == nil {
		t.Fatalf("%s: not named <key>_<name>_v<version>_<note>.hex", file)
	}
	key, _ := strconv.ParseInt(m[1], 10, 16)
	version, _ := strconv.ParseInt(m[3], 10, 16)
	row := Lookup(int16(key))
	if row == nil || !strings.EqualFold(row.Name, strings.ReplaceAll(m[2], "_", "")) {
		t.Fatalf("%s: key %d is not %s", file, key, m[2])
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(text, []byte("# ")) {
		t.Errorf("%s: does not say where it was captured", file)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.Join(strings.Fields(line), ""))
		}
	}
	frame, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	size, corr, ok, err := ResponseHead(frame, MaxFrame)
	if err != nil || !ok || size != len(frame) {
		t.Fatalf("%s: not one whole frame: %d of %d bytes, %v", file, len(frame), size, err)
	}
	return Head{Size: size, Key: int16(key), Version: int16(version), Corr: corr}, frame
}

// checkVector holds one real frame to the properties: identity, agreement with
// kmsg, and the same outcome by head or by tail as whole.
func checkVector(t *testing.T, h Head, frame []byte) {
	t.Helper()
	row := Lookup(h.Key)
	if !row.Patched(h.Version) {
		return
	}
	if h.Key == keyApiVersions {
		if int16(binary.BigEndian.Uint16(frame[responseHeadLen:])) == errUnsupportedVersion {
			h.Version = 0
		}
		checkApis(t, row, h, frame)
		return
	}
	var p Patch
	if err := row.Whole(&p, itself(t, h, frame), h, frame); err != nil || !p.Empty() {
		t.Fatalf("with its own addresses: %v, empty %v", err, p.Empty())
	}
	if err := row.Whole(&p, goldenView, h, frame); err != nil {
		t.Fatal(err)
	}
	out := join(&p, frame)
	checkFrame(t, out)
	want, _, _ := mapped(t, h, frame, goldenView)
	if got := decode(t, h, out); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	if row.Prefix != nil {
		if ok, err := row.Prefix(&p, goldenView, h, frame); !ok || err != nil || !bytes.Equal(join(&p, frame), out) {
			t.Fatalf("by its head it differs: %v %v", ok, err)
		}
	}
	if row.Tailed {
		at := len(frame) - tailLen(t, h, frame)
		if got := skimBy(t, h, frame, func() int { return 3 }); got != at {
			t.Fatalf("tail at %d, want %d", got, at)
		}
		if err := row.Tail(&p, goldenView, h, frame[at:]); err != nil {
			t.Fatal(err)
		}
		judgeTail(t, row, goldenView, h, frame, append(bytes.Clone(frame[:at]), join(&p, frame[at:])...))
	}
}

func checkApis(t *testing.T, row *Rule, h Head, frame []byte) {
	t.Helper()
	var p Patch
	if err := row.Whole(&p, nil, h, frame); err != nil {
		t.Fatal(err)
	}
	want := decode(t, h, frame).(*kmsg.ApiVersionsResponse)
	want.ApiKeys = keysThatStay(want.ApiKeys)
	if got := decode(t, h, join(&p, frame)); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// itself is the view that tells what the frame says.
func itself(t *testing.T, h Head, frame []byte) View {
	v := told{}
	eachNode(decode(t, h, frame), func(id *int32, host *string, port *int32, _ bool) {
		v[*id] = Node{Host: []byte(*host), Port: *port}
	})
	return v
}

type told map[int32]Node

func (v told) Address(id int32) (string, int32, bool) { return string(v[id].Host), v[id].Port, true }

// patchText is a patch for a reader: where, what goes, what comes.
func patchText(t *testing.T, h Head, frame []byte) string {
	t.Helper()
	row := Lookup(h.Key)
	var p Patch
	if row.Patched(h.Version) {
		if err := row.Whole(&p, goldenView, h, frame); err != nil {
			t.Fatal(err)
		}
	}
	if p.Empty() {
		return "nothing changes\n"
	}
	var b strings.Builder
	if p.Delta() != 0 {
		splitText(&b, 0, frame[:4], p.Segments(nil, frame)[0])
	}
	for i, s := range p.splices {
		to := len(p.arena)
		if i+1 < len(p.splices) {
			to = p.splices[i+1].from
		}
		splitText(&b, s.off, frame[s.off:s.off+s.n], p.arena[s.from:to])
	}
	return b.String()
}

func splitText(b *strings.Builder, off int, old, put []byte) {
	fmt.Fprintf(b, "@%d\n", off)
	for _, side := range []struct {
		sign  string
		bytes []byte
	}{{"-", old}, {"+", put}} {
		for i := 0; i < len(side.bytes); i += 32 {
			row := side.bytes[i:min(len(side.bytes), i+32)]
			fmt.Fprintf(b, "%s %-64x  %s\n", side.sign, row, printable(row))
		}
	}
}

func printable(b []byte) string {
	out := bytes.Clone(b)
	for i, c := range out {
		if c < 0x21 || c > 0x7e {
			out[i] = '.'
		}
	}
	return string(out)
}

func comparePatch(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (-update accepts what is done now)", err)
	}
	if string(want) != got {
		t.Fatalf("%s: the patch is now\n%s\nand was\n%s", file, got, want)
	}
}
