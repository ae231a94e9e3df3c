// Package directory signs people in through the city's own directory, by OpenID Connect:
// the code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207).
//
// Somebody is issuer and subject, never an address of mail: those are given to others
// later. What they may do comes from their groups, by a mapping in the hub's
// configuration; a group that does not stand there gives nothing. The directory says who
// somebody is at the moment of signing in. How long they stay signed in, and that they
// can be signed out, is the hub's own (access/account), so nothing is asked of the
// directory in between: what it changes counts from the next signing in on.
package directory
