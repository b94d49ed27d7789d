package filewatch

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links are followed on one way, as in the kernel.
const maxLinks = 40

// way is the folders that lead to a file: for each, the names in it that count.
type way map[string]map[string]bool

func (w way) add(folder, name string) {
	if w[folder] == nil {
		w[folder] = make(map[string]bool)
	}
	w[folder][name] = true
}

// follow adds the way to path. It stops at the first component that is missing:
// until it appears in its folder there is nothing further to see.
func (w way) follow(path string) {
	path, err := filepath.Abs(path)
	if err != nil { // the working directory is gone: the interval is left
		return
	}
	folder, rest := string(filepath.Separator), split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			folder = filepath.Dir(folder)
			continue
		}
		at := filepath.Join(folder, name)
		info, err := os.Lstat(at)
		if err != nil {
			w.add(folder, name)
			return
		}
		switch {
		case info.Mode()&os.ModeSymlink != 0:
			w.add(folder, name)
			target, err := os.Readlink(at)
			if links++; err != nil || links > maxLinks {
				return
			}
			if filepath.IsAbs(target) {
				folder = string(filepath.Separator)
			}
			rest = append(split(target), rest...)
		case len(rest) == 0:
			w.add(folder, name)
		default:
			if len(rest) == 1 { // the file's own folder may be replaced as a whole
				w.add(folder, name)
			}
			folder = at
		}
	}
}

func split(path string) []string {
	var parts []string
	for part := range strings.SplitSeq(path, string(filepath.Separator)) {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}
