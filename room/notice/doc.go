// Package notice tells staff where they are that an alert asks for a person: by webhook,
// mail, web push and MQTT (docs/formats/notices.md). A notice says what, how urgent, where
// and when, with a link; never a note, a name, or anything about a person.
//
// Rules say which alerts go to which channel. What is due is put into a queue on disk
// (internal/delivery) and then noted as told, so that a crash at any point loses none; one
// may come twice then, with the same id. A channel gets so many messages a minute and no
// more: what is beyond that waits and comes as one message that counts it.
package notice
