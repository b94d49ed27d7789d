// Package filewatch tells when files may have changed: after an event in one of
// the folders that lead to them, and at an interval, for file systems and
// machines on which there are no events.
//
// It owns one inotify descriptor (or what the platform has in its place) and one
// goroutine. It never opens a file: whoever is told reads, compares and decides.
//
// Watched are folders, not files: a file that is replaced by rename is another
// file, of which a watch on the old one says nothing. A path is followed
// component by component; where one is a symbolic link, the folder that holds
// the link is watched as well, so that swapping a link anywhere on the way is
// noticed (Kubernetes swaps ..data, in which all files of a volume are). Folders
// that are missing are waited for in the nearest one that exists. After each
// event the way is followed anew.
//
// Events come in bursts, and the first of them often when a file is half
// written: Changed is called when there was silence for a moment, or at last
// when the burst does not end. It is called from one goroutine, never twice at
// the same time, and never after Close has returned.
package filewatch
