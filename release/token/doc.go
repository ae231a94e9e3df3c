// Package token holds what travels in a release: the token that an office logs and the
// details that open its commitments, and the files that people carry between the
// office and the devices of the two bodies (formats/token.md). Who may answer a token,
// package custodian says.
package token
