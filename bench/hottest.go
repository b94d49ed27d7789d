package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hottestFew is how many functions are told of each workload.
const hottestFew = 12

// hotLine is a line of perf's report: share, symbol with its kind, where it is, and
// columns of a sort that was not asked for.
var hotLine = regexp.MustCompile(`^\s*([\d.]+)%\s+\[(.)\]\s+(.+?)\s{2,}(\S+)(\s+-)*\s*$`)

// hottestFunctions is a table for each profile in dir of the functions that took
// most, and its flame graph as a document in page sees it; empty without profiles.
func hottestFunctions(dir, page string) (string, error) {
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
		fmt.Fprintf(&b, "**%s**: %s\n\n| share | function | in |\n|---:|---|---|\n",
			strings.TrimSuffix(filepath.Base(report), ".data.txt"), groupShares(lines))
		for _, l := range lines[:min(len(lines), hottestFew)] {
			fmt.Fprintf(&b, "| %.1f %% | `%s` | %s |\n", l.share, l.function, l.where)
		}
		b.WriteByte('\n')
		flame := strings.TrimSuffix(report, ".data.txt") + flameSuffix
		if path, err := relative(page, flame); err == nil {
			fmt.Fprintf(&b, "![Flame graph: %s](%s)\n\n", strings.TrimSuffix(filepath.Base(flame), flameSuffix), path)
		}
	}
	return b.String(), nil
}

// relative is the way from a folder to a file that is there.
func relative(from, file string) (string, error) {
	if _, err := os.Stat(file); err != nil {
		return "", err
	}
	from, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", err
	}
	path, err := filepath.Rel(from, file)
	return filepath.ToSlash(path), err
}

// hot is one function.
type hot struct {
	share           float64 // percent
	function, where string
}

// kernel is where the functions of the kernel are.
const kernel = "kernel"

// groups are whose the functions are, by what their names begin with; the first
// that fits counts.
var groups = []struct{ name, begins string }{
	{"TLS and other cryptography", "crypto/"},
	{"TLS and other cryptography", "github.com/postern-kafka/postern/tlsterm"},
	{"the gateway", "github.com/postern-kafka/postern/"},
	{"gnet", "github.com/panjf2000/gnet/"},
	{"Go's runtime and libraries", ""},
}

// groupOf is whose a function is that is not the kernel's.
func groupOf(function string) string {
	for _, g := range groups {
		if strings.HasPrefix(function, g.begins) {
			return g.name
		}
	}
	return ""
}

// groupNames are all groups, the kernel's among them.
func groupNames() []string {
	names := []string{kernel}
	for _, g := range groups {
		if !slices.Contains(names, g.name) {
			names = append(names, g.name)
		}
	}
	return names
}

// groupShares sums up whose the time was, of what the report tells.
func groupShares(lines []hot) string {
	sums := map[string]float64{}
	for _, l := range lines {
		group := kernel
		if l.where != kernel {
			group = groupOf(l.function)
		}
		sums[group] += l.share
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return cmp.Compare(sums[b], sums[a]) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %.0f %%", name, sums[name])
	}
	return strings.Join(names, ", ")
}

// hottest reads a report.
func hottest(report string) []hot {
	var lines []hot
	for line := range strings.Lines(report) {
		f := hotLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if f == nil {
			continue
		}
		share, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			continue
		}
		where := kernel
		if f[2] == "." {
			where = filepath.Base(f[4])
		}
		lines = append(lines, hot{share: share, function: f[3], where: where})
	}
	return lines
}
