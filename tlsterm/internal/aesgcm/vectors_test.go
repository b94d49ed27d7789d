package aesgcm

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			n := 0
			lines := bufio.NewScanner(f)
			for line := 1; lines.Scan(); line++ {
				if !strings.HasPrefix(lines.Text(), "#") {
					vector(t, line, strings.Fields(lines.Text()))
					n++
				}
			}
			if lines.Err() != nil || n == 0 {
				t.Fatal(n, lines.Err())
			}
		})
	}
}

func vector(t *testing.T, line int, fields []string) {
	verdict := fields[0]
	var b [5][]byte // key, nonce, additional data, text, sealed
	for i := range b {
		var err error
		if b[i], err = hex.DecodeString(strings.Trim(fields[1+i], "-")); err != nil {
			t.Fatal(line, err)
		}
	}
	nonce, aad, text, sealed := b[1], b[2], b[3], b[4]
	a := ours(t, b[0])
	if got := a.Seal(nil, nonce, text, aad); bytes.Equal(got, sealed) != (verdict == "valid") {
		t.Errorf("line %d, %s: sealed %x", line, verdict, got)
	}
	got, err := a.Open(nil, nonce, sealed, aad)
	if (err == nil) != (verdict == "valid") || err == nil && !bytes.Equal(got, text) {
		t.Errorf("line %d, %s: opened %x, %v", line, verdict, got, err)
	}
}
