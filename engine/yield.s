// The compiler takes functions that are implemented elsewhere (yield.go) only in packages
// with an assembly file.
