// Package console is the pages: what a resident, an operator or a journalist sees
// of the city in a browser.
//
// The pages know the world behind them only through [City], which the hub
// implements. Every address names an action ([Route]); who asks and whether they may is
// said by [Access], and what is not public is written down by [Looks] before it is shown. Everything shown to the public passes the rules of package
// console/counts first: late by [Entry.PublicDelay], in quarters of an hour,
// nothing below [Entry.Threshold]. City therefore answers with what is so; it
// never has to hide.
package console

//go:generate go run ./generate
