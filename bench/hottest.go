package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// hottestFew is how many functions are told of each workload.
const hottestFew = 12

// hotLine is a line of perf's report: share, symbol with its kind, where it is, and
// columns of a sort that was not asked for.
var hotLine = regexp.MustCompile(`^\s*([\d.]+)%\s+\[(.)\]\s+(.+?)\s{2,}(\S+)(\s+-)*\s*$`)

// hottestFunctions is a table for each profile in dir of the functions that took
// most; empty without profiles.
func hottestFunctions(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	reports, err := filepath.Glob(filepath.Join(dir, "*.data.txt"))
	if err != nil {
		return "", fmt.Errorf("bench: -profile: %w", err)
	}
	slices.Sort(reports)
	var b strings.Builder
	for _, report := range reports {
		text, err := os.ReadFile(report)
		if err != nil {
			return "", fmt.Errorf("bench: -profile: %w", err)
		}
		lines := hottest(string(text))
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s:\n\n| share | function | in |\n|---:|---|---|\n", strings.TrimSuffix(filepath.Base(report), ".data.txt"))
		for _, l := range lines {
			fmt.Fprintf(&b, "| %s %% | `%s` | %s |\n", l.share, l.function, l.where)
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// hot is one function.
type hot struct{ share, function, where string }

// hottest reads the first lines of a report.
func hottest(report string) []hot {
	var lines []hot
	for line := range strings.Lines(report) {
		f := hotLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if f == nil || len(lines) == hottestFew {
			continue
		}
		where := "kernel"
		if f[2] == "." {
			where = filepath.Base(f[4])
		}
		lines = append(lines, hot{share: f[1], function: f[3], where: where})
	}
	return lines
}
