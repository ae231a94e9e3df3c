// Package account knows the people of a hub: who they are, their passkeys, sessions and
// tokens, how they are invited and how they get back in. It decides nothing about what they
// may do but one thing: nobody gives anything to themselves, and what lets somebody look,
// check or administer takes two (docs/formats/accounts.md).
//
// Accounts is safe for concurrent use. Every change is one commit together with its entry
// in the book; an error of the store changes nothing and signs nobody in.
package account
