package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVariablesPageIsInStep(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := WriteDocument(&page); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("..", "..", "..", "docs", "variables.md"), page.Bytes())
}

func TestReadmeIsInStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "..", "README.md")
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Embed(readme)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, path, want)
}

func TestTableHasEveryUsedVariableInThreeColumns(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for name, row := range table {
		if in := strings.Contains(out.String(), "| `"+name+"` |"); in != (row.Status == used) {
			t.Errorf("%s: in the table: %v, %s", name, in, row.fate())
		}
	}
	for line := range strings.Lines(out.String()) {
		if bars := strings.Count(line, "|") - strings.Count(line, "\\|"); bars != 4 {
			t.Errorf("%d bars in %s", bars, line)
		}
	}
}

func TestEmbed(t *testing.T) {
	t.Parallel()
	once, err := Embed([]byte("# a\n" + tableBegin + "\nold\n" + tableEnd + "\ntail\n"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(once); !strings.HasPrefix(text, "# a\n"+tableBegin+"\n| variable |") || !strings.HasSuffix(text, "|\n"+tableEnd+"\ntail\n") {
		t.Errorf("got:\n%s", once)
	}
	if twice, err := Embed(once); err != nil || !bytes.Equal(once, twice) {
		t.Errorf("embedding twice changes the document (%v)", err)
	}
	for _, bad := range []string{"", tableBegin, tableEnd, tableEnd + tableBegin, tableBegin + tableEnd + tableEnd} {
		if _, err := Embed([]byte(bad)); !errors.Is(err, ErrNoMarkers) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
