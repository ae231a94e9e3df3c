// Package policy decides who may do what, by policies in the Cedar language that people
// can read (shipped/*.cedar; the words they are written in: shipped/polity.cedarschema).
// A city adds files of its own in a folder; what shipped/charter.cedar forbids, no
// further policy can allow. Changing the city's policies takes two people and leaves
// an entry in a book whose entries are chained (docs/formats/policy.md).
//
// Cedar: Cutler et al., "Cedar: A New Language for Expressive, Fast, Safe, and Analyzable
// Authorization", OOPSLA 2024; https://docs.cedarpolicy.com.
package policy
