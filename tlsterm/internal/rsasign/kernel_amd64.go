package rsasign

import "golang.org/x/sys/cpu"

//go:noescape
func multiply20(z, y, moduli *uint64, squarings int)

//go:noescape
func multiply30(z, y, moduli *uint64, squarings int)

//go:noescape
func multiply40(z, y, moduli *uint64, squarings int)

//go:noescape
func pick20(z, table *uint64, a, b int)

//go:noescape
func pick30(z, table *uint64, a, b int)

//go:noescape
func pick40(z, table *uint64, a, b int)

//go:noescape
func multiplyAVX2(z, y, moduli, room *uint64, squarings, vectors, rows, apart int)

//go:noescape
func pick10AVX2(z, table *uint64, a, b int)

//go:noescape
func pick14AVX2(z, table *uint64, a, b int)

//go:noescape
func pick20AVX2(z, table *uint64, a, b int)

var families = []family{
	{
		name: "ifma",
		// F for nearly everything, DQ for KMOVB, IFMA for VPMADD52. All vectors have 512
		// bits: VL is not needed.
		needs:     "AVX-512 F, DQ and IFMA",
		available: cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512IFMA,
		kernels: map[int]*kernel{
			1024: kernelIFMA(shapesIFMA[1024], multiply20, pick20),
			1536: kernelIFMA(shapesIFMA[1536], multiply30, pick30),
			2048: kernelIFMA(shapesIFMA[2048], multiply40, pick40),
		},
	},
	{
		name:      "avx2",
		needs:     "AVX2",
		available: cpu.X86.HasAVX2,
		kernels: map[int]*kernel{
			1024: kernelAVX2(shapesAVX2[1024], pick10AVX2),
			1536: kernelAVX2(shapesAVX2[1536], pick14AVX2),
			2048: kernelAVX2(shapesAVX2[2048], pick20AVX2),
		},
	},
}

func kernelIFMA(s shape, multiply func(z, y, moduli *uint64, squarings int), pick func(z, table *uint64, a, b int)) *kernel {
	k := &kernel{shape: s, arrange: s.arrangeIFMA, file: s.fileIFMA, pick: pick}
	k.multiply = func(z, y, moduli, _ *uint64, squarings int) {
		multiply(z, y, moduli, squarings)
	}
	return k
}

func kernelAVX2(s shape, pick func(z, table *uint64, a, b int)) *kernel {
	k := &kernel{shape: s, arrange: s.arrangeAVX2, file: s.fileAVX2, pick: pick}
	k.multiply = func(z, y, moduli, room *uint64, squarings int) {
		multiplyAVX2(z, y, moduli, room, squarings, s.size/lanes, len(s.order), s.apart)
	}
	return k
}
