//go:build race

package rsasign

const raceDetector = true
