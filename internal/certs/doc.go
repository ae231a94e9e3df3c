// Package certs is how pages are reached encrypted: by a certificate from files, which is
// read again when it changes; by one from an ACME server (RFC 8555); by one of a local
// authority that polity hub init makes; or by a proxy in front, which is named. Beyond
// this machine nothing is served in the clear.
package certs
