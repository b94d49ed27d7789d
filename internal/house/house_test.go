package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// goFolders yields the Go files, tests left out, of every package of the tree.
func goFolders(t *testing.T) map[string][]string {
	t.Helper()
	folders := make(map[string][]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) < 8 {
		t.Fatalf("only %d packages found from %s", len(folders), root)
	}
	return folders
}

// TestOnePackageDoc: a package says once what it owns.
func TestOnePackageDoc(t *testing.T) {
	for folder, files := range goFolders(t) {
		var with []string
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil && !strings.HasPrefix(f.Doc.Text(), "Code generated") {
				with = append(with, filepath.Base(file))
			}
		}
		if len(with) != 1 {
			t.Errorf("%s has %d package comments (%s), want one", folder, len(with), strings.Join(with, ", "))
		}
	}
}

// TestNamesSaySomething: no file or folder is called after nothing.
func TestNamesSaySomething(t *testing.T) {
	empty := map[string]bool{"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "manager": true, "misc": true, "types": true}
	for folder, files := range goFolders(t) {
		for _, path := range append(files, folder) {
			if name := strings.TrimSuffix(filepath.Base(path), ".go"); empty[name] {
				t.Errorf("%s: the name says nothing", path)
			}
		}
	}
}

// TestNoWorkplace: the tree speaks of the product alone, not of the machine it
// is built on nor of what is left to do.
func TestNoWorkplace(t *testing.T) {
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	words := []string{here + "/", "TO" + "DO", "FIX" + "ME"}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		words = append(words, home+"/")
	}
	for _, files := range goFolders(t) {
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range words {
				if strings.Contains(string(b), word) {
					t.Errorf("%s mentions %s", file, word)
				}
			}
		}
	}
}
