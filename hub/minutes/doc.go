// Package minutes keeps what cameras counted as it came, minute by minute, for the few
// hours in which it is needed so: for what is going on now, and for what becomes public of
// each quarter of an hour. Then each hour is archived in a coarser form, and its minutes are
// overwritten: whoever reads the archive of two cameras can follow nobody from one to the
// other by time.
//
// It is a file of its own, so that what goes is gone: deleted rows are overwritten, and the
// journal is emptied after each hour. A disk may keep old blocks all the same.
package minutes
