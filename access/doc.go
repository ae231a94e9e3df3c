// Package access holds the words of who may do what: roles, actions, things, purposes,
// and the decision about a request. It decides nothing itself: access/policy does, by
// Cedar policies that people can read; access/account knows people, their passkeys,
// sessions and programs' tokens; access/look keeps the book of looks.
//
// The rule behind all of it: a person sees what their task needs. Departments get counts
// and events; live scenes with marks need the safety operator's role and a purpose;
// whoever administers does not see; nobody grants anything to themselves.
package access
