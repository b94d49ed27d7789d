package aesgcm

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
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
			var vectors [][]string
			lines := bufio.NewScanner(f)
			for line := 1; lines.Scan(); line++ {
				if !strings.HasPrefix(lines.Text(), "#") {
					vectors = append(vectors, append([]string{strconv.Itoa(line)}, strings.Fields(lines.Text())...))
				}
			}
			if lines.Err() != nil || len(vectors) == 0 {
				t.Fatal(len(vectors), lines.Err())
			}
			each(t, func(t *testing.T, ours maker) {
				for _, v := range vectors {
					vector(t, ours, v[0], v[1:])
				}
			})
		})
	}
}

func vector(t *testing.T, ours maker, line string, fields []string) {
	verdict := fields[0]
	var b [5][]byte // key, nonce, additional data, text, sealed
	for i := range b {
		var err error
		if b[i], err = hex.DecodeString(strings.Trim(fields[1+i], "-")); err != nil {
			t.Fatal(line, err)
		}
	}
	nonce, aad, text, sealed := b[1], b[2], b[3], b[4]
	a := ours(b[0])
	if got := a.Seal(nil, nonce, text, aad); bytes.Equal(got, sealed) != (verdict == "valid") {
		t.Errorf("line %s, %s: sealed %x", line, verdict, got)
	}
	got, err := a.Open(nil, nonce, sealed, aad)
	if (err == nil) != (verdict == "valid") || err == nil && !bytes.Equal(got, text) {
		t.Errorf("line %s, %s: opened %x, %v", line, verdict, got, err)
	}
}
