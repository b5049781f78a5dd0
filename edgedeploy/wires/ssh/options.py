"""Every option that `ssh -G` prints, and what becomes of it here: the one list, which docs/ssh.md shows.

A test asks this machine's ssh for its own list: an option that is not here yet fails it.
"""

from __future__ import annotations

from typing import Literal

Fate = Literal["honoured", "no bearing", "not done"]

OPTIONS: dict[str, tuple[Fate, str]] = {
    # whom, and where
    "host": ("honoured", "the name as it was typed, which %n stands for"),
    "hostname": ("honoured", "where to connect"),
    "port": ("honoured", "unless a port was typed"),
    "user": ("honoured", "unless a user was typed"),
    "addressfamily": ("honoured", "inet or inet6: only addresses of that family are tried"),
    "bindaddress": ("honoured", "connections leave from there"),
    "bindinterface": ("honoured", "connections leave there"),
    "connecttimeout": (
        "honoured",
        "in place of our 5 s, and more for the banner; not where a cable is waiting to be tried",
    ),
    "connectionattempts": ("honoured", "with a second between two"),
    "proxycommand": ("honoured", "by your own shell, with all tokens; - is refused"),
    "proxyjump": ("honoured", "ssh itself makes the hops"),
    "proxyusefdpass": ("honoured", "the connection that the command hands over is taken"),
    "canonicaldomains": ("honoured", "by ssh -G, which says the name that comes of it"),
    "canonicalizefallbacklocal": ("honoured", "by ssh -G"),
    "canonicalizehostname": ("honoured", "by ssh -G"),
    "canonicalizemaxdots": ("honoured", "by ssh -G"),
    "canonicalizepermittedcnames": ("honoured", "by ssh -G"),
    "tag": ("honoured", "by ssh -G, for Match tagged"),
    "refuseconnection": ("honoured", "ssh -G refuses"),
    # whom to trust
    "userknownhostsfile": ("honoured", "every file, with tokens; nothing is written there"),
    "globalknownhostsfile": ("honoured", "every file"),
    "knownhostscommand": ("honoured", "a command that fails ends the connection, as with ssh"),
    "hostkeyalias": ("honoured", "the name to look for"),
    "revokedhostkeys": ("honoured", "keys and KRLs; a list that cannot be read has every key in it, as with ssh"),
    "stricthostkeychecking": (
        "honoured",
        "but a revoked key is never taken; what is accepted is pinned, not written to known_hosts",
    ),
    "nohostauthenticationforlocalhost": ("honoured", "for enrolment; a push goes by the pinned key"),
    "checkhostip": ("honoured", "another key for the address is a changed key"),
    "casignaturealgorithms": ("honoured", "how an authority may have signed; names in certificates are no patterns"),
    "hostkeyalgorithms": ("honoured", "those that paramiko has; keys that are known come first"),
    "verifyhostkeydns": ("not done", "a key in the DNS counts as unknown: you are asked"),
    "hashknownhosts": ("no bearing", "nothing is written to known_hosts"),
    "updatehostkeys": ("no bearing", "nothing is written to known_hosts"),
    "fingerprinthash": ("no bearing", "fingerprints are shown as SHA256"),
    "visualhostkey": ("no bearing", "no picture is drawn"),
    # how to log in
    "identityfile": (
        "honoured",
        "in order, with tokens: private keys, public halves of an agent's keys, certificates beside",
    ),
    "certificatefile": ("honoured", "wherever the private half is"),
    "identityagent": ("honoured", "a path, a variable, SSH_AUTH_SOCK or none"),
    "identitiesonly": ("honoured", "the agent's other keys are not offered"),
    "preferredauthentications": ("honoured", "of publickey, keyboard-interactive and password"),
    "pubkeyauthentication": ("honoured", "yes or no"),
    "pubkeyacceptedalgorithms": ("honoured", "ssh-rsa (SHA-1) only where it is named"),
    "pubkeyacceptedkeytypes": ("honoured", "the older name of PubkeyAcceptedAlgorithms"),
    "passwordauthentication": ("honoured", "yes or no"),
    "kbdinteractiveauthentication": ("honoured", "yes or no"),
    "challengeresponseauthentication": ("honoured", "the older name of KbdInteractiveAuthentication"),
    "kbdinteractivedevices": ("honoured", "named to the server"),
    "numberofpasswordprompts": ("honoured", "for passphrases, too"),
    "batchmode": ("honoured", "nothing is asked"),
    "requiredrsasize": ("honoured", "for hosts' keys and yours"),
    "gssapiauthentication": ("not done", "named when nothing else got in"),
    "hostbasedauthentication": ("not done", "named when nothing else got in"),
    "pkcs11provider": ("not done", "add the token's keys to your agent: ssh-add -s LIBRARY"),
    "securitykeyprovider": ("not done", "add the key to your agent: ssh-add FILE"),
    "gssapikeyexchange": ("not done", "the host's key is checked instead"),
    "gssapiclientidentity": ("no bearing", "of GSSAPIAuthentication"),
    "gssapidelegatecredentials": ("no bearing", "of GSSAPIAuthentication"),
    "gssapikexalgorithms": ("no bearing", "of GSSAPIKeyExchange"),
    "gssapirenewalforcesrekey": ("no bearing", "of GSSAPIKeyExchange"),
    "gssapiserveridentity": ("no bearing", "of GSSAPIAuthentication"),
    "gssapitrustdns": ("no bearing", "of GSSAPIAuthentication"),
    "enablesshkeysign": ("no bearing", "of HostbasedAuthentication"),
    "hostbasedacceptedalgorithms": ("no bearing", "of HostbasedAuthentication"),
    "hostbasedkeytypes": ("no bearing", "of HostbasedAuthentication"),
    "addkeystoagent": ("no bearing", "your agent is asked, and not changed"),
    # the connection
    "ciphers": ("honoured", "those that paramiko has, in its order; none of them is refused by name"),
    "macs": ("honoured", "as Ciphers"),
    "kexalgorithms": ("honoured", "as Ciphers"),
    "compression": ("honoured", "yes or no"),
    "rekeylimit": ("no bearing", "keys are changed after 512 MB, and as the server wants"),
    "ipqos": ("no bearing", "how routers treat the packets"),
    "tcpkeepalive": ("no bearing", "silence is noticed after 15 s by a question of our own"),
    "serveralivecountmax": ("no bearing", "as TCPKeepAlive"),
    "serveraliveinterval": ("no bearing", "as TCPKeepAlive"),
    "channeltimeout": ("no bearing", "as TCPKeepAlive"),
    "obscurekeystroketiming": ("no bearing", "no keystrokes are sent"),
    "controlmaster": ("no bearing", "we connect for ourselves, and share with nobody"),
    "controlpath": ("no bearing", "as ControlMaster"),
    "controlpersist": ("no bearing", "as ControlMaster"),
    "warnweakcrypto": ("no bearing", "no warning is shown"),
    "versionaddendum": ("no bearing", "we say our own version"),
}

_PEOPLES = """remotecommand requesttty sessiontype sendenv setenv stdinnull forkafterauthentication escapechar
    enableescapecommandline permitlocalcommand localcommand"""
_FORWARDED = """forwardagent forwardx11 forwardx11timeout forwardx11trusted xauthlocation localforward remoteforward
    dynamicforward permitremoteopen gatewayports clearallforwardings exitonforwardfailure streamlocalbindmask
    streamlocalbindunlink tunnel tunneldevice"""
for _names, _words in (
    (_PEOPLES, "a session of a person's; ours run commands of their own"),
    (_FORWARDED, "nothing is forwarded"),
    ("loglevel logverbose syslogfacility ignoreunknown", "our words are our own"),
):
    OPTIONS |= dict.fromkeys(_names.split(), ("no bearing", _words))
