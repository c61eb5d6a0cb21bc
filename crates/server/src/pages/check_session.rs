//! The page that an application's page frames to learn whether the person's session has changed.
//!
//! Spec: OpenID Connect Session Management 1.0 3.2; FIPS 180-4 5.3.3, 6.2 (SHA-256)
//!
//! Invariant: the script is ES5, so that it runs in every browser and in HtmlUnit, and hashes itself: browsers offer
//! their hash over TLS only, and answer later. It computes what `session_state` of the protocol computes.
//! Invariant: what the page itself says, or another of its kind, gets no answer: the two would never end. Of several
//! cookies of the name, which a change of `serve.cookies.domain` leaves behind, any may fit.
//! Security: any site may frame the page and ask. The specification wants who asks to have the origin of the parent frame;
//! a frame beside this one asks as well, and the origin of who asks goes into the hash in its place. A site that knows a
//! session's id, as its clients do, can learn whether this browser has that session, and nothing of others.

use axum::response::Response;

use super::html::Html;
use super::layout::{Page, Powers};

const SCRIPT: &str = "\
(function(){\
var name=document.querySelector('meta[name=browser-state]').content+'=',\
K=[0x428a2f98,0x71374491,0xb5c0fbcf,0xe9b5dba5,0x3956c25b,0x59f111f1,0x923f82a4,0xab1c5ed5,\
0xd807aa98,0x12835b01,0x243185be,0x550c7dc3,0x72be5d74,0x80deb1fe,0x9bdc06a7,0xc19bf174,\
0xe49b69c1,0xefbe4786,0x0fc19dc6,0x240ca1cc,0x2de92c6f,0x4a7484aa,0x5cb0a9dc,0x76f988da,\
0x983e5152,0xa831c66d,0xb00327c8,0xbf597fc7,0xc6e00bf3,0xd5a79147,0x06ca6351,0x14292967,\
0x27b70a85,0x2e1b2138,0x4d2c6dfc,0x53380d13,0x650a7354,0x766a0abb,0x81c2c92e,0x92722c85,\
0xa2bfe8a1,0xa81a664b,0xc24b8b70,0xc76c51a3,0xd192e819,0xd6990624,0xf40e3585,0x106aa070,\
0x19a4c116,0x1e376c08,0x2748774c,0x34b0bcb5,0x391c0cb3,0x4ed8aa4a,0x5b9cca4f,0x682e6ff3,\
0x748f82ee,0x78a5636f,0x84c87814,0x8cc70208,0x90befffa,0xa4506ceb,0xbef9a3f7,0xc67178f2];\
function turn(x,by){return x>>>by|x<<32-by;}\
function sha256(text){\
var bytes=unescape(encodeURIComponent(text)),length=bytes.length,words=[],w=[],i,j,x,y,s,t,u,\
h=[0x6a09e667,0xbb67ae85,0x3c6ef372,0xa54ff53a,0x510e527f,0x9b05688c,0x1f83d9ab,0x5be0cd19],\
last=(length+8>>6<<4)+15;\
for(i=0;i<=last;i++){words[i]=0;}\
for(i=0;i<length;i++){words[i>>2]|=bytes.charCodeAt(i)<<24-i%4*8;}\
words[length>>2]|=0x80<<24-length%4*8;\
words[last]=length*8;\
for(i=0;i<last;i+=16){\
s=h.slice();\
for(j=0;j<64;j++){\
if(j<16){w[j]=words[i+j];}else{\
x=w[j-15];y=w[j-2];\
w[j]=w[j-16]+(turn(x,7)^turn(x,18)^x>>>3)+w[j-7]+(turn(y,17)^turn(y,19)^y>>>10)|0;}\
x=s[4];y=s[0];\
t=s[7]+(turn(x,6)^turn(x,11)^turn(x,25))+(x&s[5]^~x&s[6])+K[j]+w[j]|0;\
u=(turn(y,2)^turn(y,13)^turn(y,22))+(y&s[1]^y&s[2]^s[1]&s[2])|0;\
s=[t+u|0,y,s[1],s[2],s[3]+t|0,x,s[5],s[6]];}\
for(j=0;j<8;j++){h[j]=h[j]+s[j]|0;}}\
return h.map(function(v){return ('0000000'+(v>>>0).toString(16)).slice(-8);}).join('');}\
function isShown(client,origin,salt,hash){\
return document.cookie.split(/; */).some(function(pair){\
return pair.indexOf(name)===0&&sha256([client,origin,pair.slice(name.length),salt].join(' '))===hash;});}\
function answer(asked,origin){\
var parts=/^(.+) ([0-9a-f]{64})\\.([^ .]+)$/.exec(asked);\
if(!parts){return 'error';}\
try{return isShown(parts[1],origin,parts[3],parts[2])?'unchanged':'changed';}\
catch(error){return 'error';}}\
window.addEventListener('message',function(event){\
if(!event.source||event.source===window||event.origin==='null'){return;}\
if(['unchanged','changed','error'].indexOf(event.data)>=0){return;}\
event.source.postMessage(typeof event.data==='string'?answer(event.data,event.origin):'error',event.origin);});\
})();";

/// The page; `cookie` is the name of the cookie that tells the session.
pub(crate) fn page(cookie: &str) -> Response {
    let body = Html::new(
        "<p>Applications load this page in a hidden frame to learn whether you are still signed in. There is nothing to do \
         here.</p>\n",
    );
    let head = Html::new("<meta name=\"browser-state\" content=\"")
        .text(cookie)
        .markup("\">\n");
    let powers = Powers {
        script: Some(SCRIPT),
        may_be_framed: true,
        ..Powers::default()
    };
    let page = Page {
        head,
        ..Page::new("Session check", "Session check", body)
    };
    page.powers(powers).into_reply()
}
