// Package look keeps the book of looks: who saw through which camera or into which
// service's data, when, for how long and what for. A look is on disk before anything is
// shown. Counts of each day, by camera, body and purpose, are for everyone; details are
// for auditor and data protection officer, and reading them is written down as well.
//
// Both are chained by hashes, and each day's counts carry a commitment to the details, so
// that an auditor can check that the public was told what happened. The files and the
// rules of counting stand in docs/formats/looks.md.
package look
