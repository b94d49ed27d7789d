//go:build !purego

package aesgcm

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// makers are the kernels there are, with nil for what cannot run here.
func makers() map[string]maker {
	all := map[string]maker{name(kernel256): nil, name(kernel512): nil}
	for _, k := range kernels {
		all[name(k)] = func(raw []byte) AEAD { return newKey(k, raw) }
	}
	return all
}

func name(k kernel) string { return fmt.Sprintf("%d bits", 128<<k) }

// What Linux says of the processor, New finds, too: without kernels all other tests
// would pass.
func TestKernels(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || strings.Contains(os.Getenv("GODEBUG"), "cpu.") {
		t.Skip("nobody says what the processor has, or something is switched off")
	}
	_, flags, _ := strings.Cut(string(info), "\nflags")
	flags, _, _ = strings.Cut(flags, "\n")
	has := strings.Fields(flags)
	var want []kernel
	for _, k := range []struct {
		kernel kernel
		needs  []string
	}{
		{kernel512, []string{"avx2", "bmi2", "vaes", "vpclmulqdq", "avx512f", "avx512bw", "avx512dq", "avx512vl"}},
		{kernel256, []string{"avx2", "aes", "pclmulqdq", "vaes", "vpclmulqdq"}},
	} {
		if !slices.ContainsFunc(k.needs, func(flag string) bool { return !slices.Contains(has, flag) }) {
			want = append(want, k.kernel)
		}
	}
	if !slices.Equal(kernels, want) {
		t.Errorf("%v, not %v, with %v", kernels, want, has)
	}
}
