// Package decision is the book of what services want done: proposed by a program,
// answered by a person, done and undone by the service (docs/formats/decisions.md).
package decision
