// Package sandbox runs a program that reads foreign bytes (a video decoder, a
// native library) so that it can do nothing but compute: it has pipes, and the
// files that its caller names.
//
// [Start] re-executes the running program as a stage, which gives up what it can
// do and then becomes the program wanted. So a program that calls Start calls
// [Stage] first thing in its main (and in TestMain of its tests).
//
// The shields, from the floor up:
//
//   - seccomp: an allow list of system calls. No sockets, no io_uring, no other
//     process, no file opened for writing, no further program. It needs no
//     privilege; where the kernel has none, Start refuses.
//   - limits: memory, files, no core dump; the child dies with its parent.
//   - landlock: of all files it can open only its libraries and those named.
//   - namespaces: an empty network, no other process in sight.
//   - no dump: the program cannot be traced, even by another process of the same
//     user, since it runs from an unreadable copy.
//
// Which of them hold is in [Process.Held]. [Harden] does for the calling process
// what can be done for one that holds raw frames but must go on working.
package sandbox
