//go:build race

package tlsterm

const raceDetector = true
