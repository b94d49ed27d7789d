package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os/exec"
)

// find returns a peer's binary: the one that was named by an option or, without
// that, the first there is on the PATH or in one of the other places.
func (s *stage) find(name, given string, places ...string) (string, error) {
	candidates := append([]string{name}, places...)
	if given != "" {
		candidates = []string{given}
	}
	var err error
	for _, c := range candidates {
		var binary string
		if binary, err = exec.LookPath(c); err == nil || errors.Is(err, exec.ErrDot) {
			return binary, nil
		}
	}
	return "", fmt.Errorf("bench: %s: %w: %w", name, errAbsent, err)
}

// goVersionOf is the version that a binary made by Go was built from.
func goVersionOf(binary string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "of unknown version"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "(devel)" {
			version = s.Value[:min(8, len(s.Value))]
		}
	}
	return version + ", " + info.GoVersion
}
