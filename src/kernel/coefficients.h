/*
 * Made by coefficients.py, which says what each polynomial is; a test holds that it still makes this file. FULL: for f64 data.
 */
#ifndef LIBLOSS_KERNEL_COEFFICIENTS_H
#define LIBLOSS_KERNEL_COEFFICIENTS_H

#include "pair.h"

#if REAL_BITS == 64

/* the positive zero of the digamma function */
#define DIGAMMA_ROOT ((pair){ 0x1.762d86356be3fp+0, 0x1.b86a722197829p-54 })

/* (exp(r) - 1 - r)/r^2 */
#if FULL
FORMULA double exp_tail(double r) /* within 2^-58 */
{
    double p = 0x1.1f72fc730b4ffp-29;
    p = fma64(p, r, 0x1.af4ddd84882fep-26);
    p = fma64(p, r, 0x1.27e4db67b4303p-22);
    p = fma64(p, r, 0x1.71de02375656cp-19);
    p = fma64(p, r, 0x1.a01a01a6d7808p-16);
    p = fma64(p, r, 0x1.a01a01abe62ddp-13);
    p = fma64(p, r, 0x1.6c16c16c162d6p-10);
    p = fma64(p, r, 0x1.11111111100dfp-7);
    p = fma64(p, r, 0x1.5555555555556p-5);
    p = fma64(p, r, 0x1.5555555555557p-3);
    p = fma64(p, r, 0x1.0000000000000p-1);
    return p;
}
#else
FORMULA double exp_tail(double r) /* within 2^-28 */
{
    double p = 0x1.a124e3f154d32p-13;
    p = fma64(p, r, 0x1.6d431504c53d3p-10);
    p = fma64(p, r, 0x1.1110e0f726534p-7);
    p = fma64(p, r, 0x1.5554e9114ecf9p-5);
    p = fma64(p, r, 0x1.5555555a78232p-3);
    p = fma64(p, r, 0x1.0000000b8f62bp-1);
    return p;
}
#endif

/* (2 atanh(s) - 2s)/s^3, z = s^2, s <= 3 - 2 sqrt2 */
#if FULL
FORMULA double atanh_tail(double z) /* within 2^-54 */
{
    double p = 0x1.0c039c49989c6p-3;
    p = fma64(p, z, 0x1.0fbe95d716020p-3);
    p = fma64(p, z, 0x1.3b1c355a8f7a2p-3);
    p = fma64(p, z, 0x1.745cf9048dd95p-3);
    p = fma64(p, z, 0x1.c71c720159177p-3);
    p = fma64(p, z, 0x1.2492492476cccp-2);
    p = fma64(p, z, 0x1.9999999999a38p-2);
    p = fma64(p, z, 0x1.5555555555555p-1);
    return p;
}
#else
FORMULA double atanh_tail(double z) /* within 2^-29 */
{
    double p = 0x1.ddced7078dd3ap-3;
    p = fma64(p, z, 0x1.245c438323e9ap-2);
    p = fma64(p, z, 0x1.9999eb5d84f14p-2);
    p = fma64(p, z, 0x1.5555554bb2b2cp-1);
    return p;
}
#endif

/* (2 atanh(s) - 2s - 2s^3/3)/s^5 */
#if FULL
FORMULA double atanh_tail_2(double z) /* within 2^-54 */
{
    double p = 0x1.b8d2ce0baf5e8p-4;
    p = fma64(p, z, 0x1.ac4ab12e9f860p-4);
    p = fma64(p, z, 0x1.e1f7f8b33879dp-4);
    p = fma64(p, z, 0x1.1110dfb2433c1p-3);
    p = fma64(p, z, 0x1.3b13b1bc64d9dp-3);
    p = fma64(p, z, 0x1.745d17451376fp-3);
    p = fma64(p, z, 0x1.c71c71c71cfd7p-3);
    p = fma64(p, z, 0x1.2492492492491p-2);
    p = fma64(p, z, 0x1.999999999999ap-2);
    return p;
}
#else
FORMULA double atanh_tail_2(double z) /* within 2^-29 */
{
    double p = 0x1.8795bd85cece6p-3;
    p = fma64(p, z, 0x1.c6c0ebfc122e5p-3);
    p = fma64(p, z, 0x1.24928e6984651p-2);
    p = fma64(p, z, 0x1.9999998946310p-2);
    return p;
}
#endif

/* (2 atanh(s) - 2s)/s^3, z = s^2, s <= 1/3 */
FORMULA double atanh_tail_wide(double z) /* within 2^-54 */
{
    double p = 0x1.401d3e65cdc48p-3;
    p = fma64(p, z, 0x1.32e0d25c9c761p-4);
    p = fma64(p, z, 0x1.bc37f0140c19ep-4);
    p = fma64(p, z, 0x1.e0a2d581ab68fp-4);
    p = fma64(p, z, 0x1.111abdc8abe16p-3);
    p = fma64(p, z, 0x1.3b13515f6f9efp-3);
    p = fma64(p, z, 0x1.745d19937b1fcp-3);
    p = fma64(p, z, 0x1.c71c71bedea97p-3);
    p = fma64(p, z, 0x1.2492492499d46p-2);
    p = fma64(p, z, 0x1.9999999999944p-2);
    p = fma64(p, z, 0x1.5555555555555p-1);
    return p;
}

/* 2 atanh(s)/s, s <= 1/3 */
FORMULA double atanh_ratio(double z) /* within 2^-33 */
{
    double p = 0x1.f396553366952p-3;
    p = fma64(p, z, 0x1.b63e15bc9ce88p-3);
    p = fma64(p, z, 0x1.25122810f580ap-2);
    p = fma64(p, z, 0x1.999638bb7f313p-2);
    p = fma64(p, z, 0x1.5555597b077dap-1);
    p = fma64(p, z, 0x1.ffffffff2e000p+0);
    return p;
}

/* (z/2 - ln cosh x)/z^2, z = x^2, x <= 7/8 */
#if FULL
FORMULA double log_cosh_tail(double z) /* within 2^-54 */
{
    double p = -0x1.dca5c8fdd148dp-27;
    p = fma64(p, z, 0x1.de25a5a0cb3b4p-24);
    p = fma64(p, z, -0x1.fe55b7637e083p-22);
    p = fma64(p, z, 0x1.99473b29ac78fp-20);
    p = fma64(p, z, -0x1.233bd1d00a07cp-18);
    p = fma64(p, z, 0x1.90444035eb99fp-17);
    p = fma64(p, z, -0x1.12e72fbe4b649p-15);
    p = fma64(p, z, 0x1.7da180d008797p-14);
    p = fma64(p, z, -0x1.0d0b41488e7a7p-12);
    p = fma64(p, z, 0x1.833d9baa942e4p-11);
    p = fma64(p, z, -0x1.1ea5d398ce788p-9);
    p = fma64(p, z, 0x1.ba1ba1ba103cfp-8);
    p = fma64(p, z, -0x1.6c16c16c16b8ep-6);
    p = fma64(p, z, 0x1.5555555555555p-4);
    return p;
}
#else
FORMULA double log_cosh_tail(double z) /* within 2^-28 */
{
    double p = 0x1.3eb74d7a5c4d1p-15;
    p = fma64(p, z, -0x1.b953851de3c48p-13);
    p = fma64(p, z, 0x1.77ba3236dc5c4p-11);
    p = fma64(p, z, -0x1.1dea263cc4cb4p-9);
    p = fma64(p, z, 0x1.ba0ffefacd363p-8);
    p = fma64(p, z, -0x1.6c169e4bea9fap-6);
    p = fma64(p, z, 0x1.55555543d1e91p-4);
    return p;
}
#endif

/* erf(x)/x, z = x^2 <= 1/4; the first term apart */
#define ERF_RATIO_0 ((pair){ 0x1.20dd750429b6dp+0, 0x1.1a70f6f390640p-56 })
#if FULL
FORMULA double erf_ratio(double z) /* within 2^-57 */
{
    double p = -0x1.39fb524e9c1f7p-23;
    p = fma64(p, z, 0x1.b776442df3041p-20);
    p = fma64(p, z, -0x1.f4bb9f7301dedp-17);
    p = fma64(p, z, 0x1.f9a2a6635fe79p-14);
    p = fma64(p, z, -0x1.c02db23d41138p-11);
    p = fma64(p, z, 0x1.565bcd0aa6349p-8);
    p = fma64(p, z, -0x1.b82ce3127f739p-6);
    p = fma64(p, z, 0x1.ce2f21a042b29p-4);
    p = fma64(p, z, -0x1.812746b0379e6p-2);
    return p;
}
#else
FORMULA double erf_ratio(double z) /* within 2^-36 */
{
    double p = -0x1.936a4a7830bd8p-11;
    p = fma64(p, z, 0x1.54d076df271bdp-8);
    p = fma64(p, z, -0x1.b8203032a45abp-6);
    p = fma64(p, z, 0x1.ce2ef239ee029p-4);
    p = fma64(p, z, -0x1.8127466f5b8a1p-2);
    return p;
}
#endif

/* (1 + 2x) erfcx(x), t = (x - 4)/(x + 4); the first term apart */
#define ERFCX_SCALED_0 ((pair){ 0x1.3ba5916e9fd7fp+0, -0x1.aa9c415679e70p-55 })
#if FULL
FORMULA double erfcx_scaled(double z) /* within 2^-55 */
{
    double p = -0x1.c2a3c4c2d2013p-38;
    p = fma64(p, z, 0x1.8c989018c21cfp-36);
    p = fma64(p, z, 0x1.7d08fcd728099p-34);
    p = fma64(p, z, -0x1.3e753e6dd438bp-32);
    p = fma64(p, z, -0x1.74a11d17f7d58p-31);
    p = fma64(p, z, 0x1.34cdbd4260a27p-29);
    p = fma64(p, z, 0x1.213798313f0d2p-28);
    p = fma64(p, z, -0x1.0a7cc7db5ad19p-26);
    p = fma64(p, z, -0x1.7d069b449d2cbp-26);
    p = fma64(p, z, 0x1.dccbd2814b683p-24);
    p = fma64(p, z, 0x1.53e52683d1a91p-24);
    p = fma64(p, z, -0x1.bb41e878fb501p-21);
    p = fma64(p, z, 0x1.383d73d84695cp-22);
    p = fma64(p, z, 0x1.7f2a028a2d119p-18);
    p = fma64(p, z, -0x1.78812ecfb199fp-17);
    p = fma64(p, z, -0x1.9959498e06791p-16);
    p = fma64(p, z, 0x1.3be03167f58a9p-13);
    p = fma64(p, z, -0x1.a1df25a7c8971p-13);
    p = fma64(p, z, -0x1.8d4a9980d7508p-11);
    p = fma64(p, z, 0x1.49c67286aa36bp-8);
    p = fma64(p, z, -0x1.0962388556613p-6);
    p = fma64(p, z, 0x1.3079edf680f01p-5);
    p = fma64(p, z, -0x1.0fb06dfe487d1p-4);
    p = fma64(p, z, 0x1.7fee004e12606p-4);
    p = fma64(p, z, -0x1.9ddb23c3e911dp-4);
    p = fma64(p, z, 0x1.16ecefcfa5391p-4);
    p = fma64(p, z, 0x1.f7f5df66fd7bfp-7);
    p = fma64(p, z, -0x1.1df1ad154a28ep-3);
    return p;
}
#else
FORMULA double erfcx_scaled(double z) /* within 2^-35 */
{
    double p = 0x1.b32728ffed931p-19;
    p = fma64(p, z, -0x1.421fc46669274p-17);
    p = fma64(p, z, -0x1.5cb386c5f93d8p-16);
    p = fma64(p, z, 0x1.35fa02dbb74cap-13);
    p = fma64(p, z, -0x1.a7f8487aa1b74p-13);
    p = fma64(p, z, -0x1.8c0317ad24219p-11);
    p = fma64(p, z, 0x1.49dcabc24e024p-8);
    p = fma64(p, z, -0x1.0967138d7e176p-6);
    p = fma64(p, z, 0x1.30793c079bf90p-5);
    p = fma64(p, z, -0x1.0fb01e5ef8665p-4);
    p = fma64(p, z, 0x1.7fee0b4ffdd19p-4);
    p = fma64(p, z, -0x1.9ddb2dc12d988p-4);
    p = fma64(p, z, 0x1.16ecef4a29d80p-4);
    p = fma64(p, z, 0x1.f7f5e336f6d98p-7);
    p = fma64(p, z, -0x1.1df1ad14c4d0ep-3);
    return p;
}
#endif

/* erfcx(1/4 + z); the first 2 terms apart */
#define ERFCX_NEAR_0 ((pair){ 0x1.8a6adcda2ea92p-1, -0x1.b3e5e8f69dcc0p-57 })
#define ERFCX_NEAR_1 ((pair){ -0x1.7c857b9b3c191p-1, -0x1.859d1076280d8p-56 })
FORMULA double erfcx_near(double z) /* within 2^-57 */
{
    double p = 0x1.a3264465f110cp-18;
    p = fma64(p, z, -0x1.3b1ba75f41f29p-16);
    p = fma64(p, z, 0x1.be0b655a9444dp-15);
    p = fma64(p, z, -0x1.3ad43dd99acc2p-13);
    p = fma64(p, z, 0x1.adcb3f4710086p-12);
    p = fma64(p, z, -0x1.1ac2d01794d66p-10);
    p = fma64(p, z, 0x1.65b08ac34a1b3p-9);
    p = fma64(p, z, -0x1.b1819ed621213p-8);
    p = fma64(p, z, 0x1.f54ce1bff7c0fp-7);
    p = fma64(p, z, -0x1.132db7ba3472bp-5);
    p = fma64(p, z, 0x1.1d0c27d70a4f5p-4);
    p = fma64(p, z, -0x1.146985bd8e189p-3);
    p = fma64(p, z, 0x1.f0ac9d31f335ap-3);
    p = fma64(p, z, -0x1.97997ad330409p-2);
    p = fma64(p, z, 0x1.2b497df35fa2ep-1);
    return p;
}

/* its derivative, for the low word of t alone */
FORMULA double erfcx_slope(double z) /* within 2^-2 */
{
    double p = 0x1.561173a1b059bp-2;
    p = fma64(p, z, -0x1.46534c8c040efp-1);
    p = fma64(p, z, 0x1.baf20544211f0p-2);
    p = fma64(p, z, -0x1.219de87fc16a7p-2);
    p = fma64(p, z, 0x1.ab8eb80ef46d1p-3);
    p = fma64(p, z, 0x1.fcd6aee36f625p-7);
    p = fma64(p, z, -0x1.1df1ad154a28ep-3);
    return p;
}

/* ln Gamma(2 + y)/y; the first 2 terms apart */
#define LGAMMA_RATIO_0 ((pair){ 0x1.b0ee6072093cep-2, 0x1.53a23b96dd200p-60 })
#define LGAMMA_RATIO_1 ((pair){ 0x1.4a34cc4a60fa6p-2, 0x1.39b7a8f013486p-56 })
#if FULL
FORMULA double lgamma_ratio(double z) /* within 2^-55 */
{
    double p = 0x1.2703c6effc4ebp-22;
    p = fma64(p, z, -0x1.37fd97eeee99dp-21);
    p = fma64(p, z, 0x1.f038cb2f6a913p-21);
    p = fma64(p, z, -0x1.08fccc794a9c7p-19);
    p = fma64(p, z, 0x1.2620de1c78d97p-18);
    p = fma64(p, z, -0x1.3d4ce65b1d70bp-17);
    p = fma64(p, z, 0x1.5808af19fa483p-16);
    p = fma64(p, z, -0x1.78d8f868f383fp-15);
    p = fma64(p, z, 0x1.a127cd91ac95bp-14);
    p = fma64(p, z, -0x1.d3fd6a9087d23p-13);
    p = fma64(p, z, 0x1.0b36af5972ed1p-11);
    p = fma64(p, z, -0x1.38ac5bfce42c1p-10);
    p = fma64(p, z, 0x1.7add6eadfcc7bp-9);
    p = fma64(p, z, -0x1.e404fc21d8fe7p-8);
    p = fma64(p, z, 0x1.51322ac7d8333p-6);
    p = fma64(p, z, -0x1.13e001a557555p-4);
    return p;
}
#else
FORMULA double lgamma_ratio(double z) /* within 2^-34 */
{
    double p = -0x1.b4e37f8fecb99p-15;
    p = fma64(p, z, 0x1.e2458007cf618p-14);
    p = fma64(p, z, -0x1.d01f28d52f22cp-13);
    p = fma64(p, z, 0x1.091dc75bb4395p-11);
    p = fma64(p, z, -0x1.38ba16b3c5394p-10);
    p = fma64(p, z, 0x1.7aec51918c322p-9);
    p = fma64(p, z, -0x1.e404d4a1b2af2p-8);
    p = fma64(p, z, 0x1.5132155e09a75p-6);
    p = fma64(p, z, -0x1.13e001ad433ddp-4);
    return p;
}
#endif

/* (ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2) x, w = 1/x^2 <= 1/64 */
#if FULL
FORMULA double stirling(double z) /* within 2^-54 */
{
    double p = -0x1.55b3a71b66a2ep-6;
    p = fma64(p, z, 0x1.96db40614b193p-8);
    p = fma64(p, z, -0x1.f5ff2fdcdf048p-10);
    p = fma64(p, z, 0x1.b94f6d6592192p-11);
    p = fma64(p, z, -0x1.38137ec070147p-11);
    p = fma64(p, z, 0x1.a01a019ee0dbep-11);
    p = fma64(p, z, -0x1.6c16c16c16b29p-9);
    p = fma64(p, z, 0x1.5555555555555p-4);
    return p;
}
#else
FORMULA double stirling(double z) /* within 2^-38 */
{
    double p = -0x1.2aebd65128751p-11;
    p = fma64(p, z, 0x1.9ff998fa2738dp-11);
    p = fma64(p, z, -0x1.6c16bafa5f149p-9);
    p = fma64(p, z, 0x1.555555554ee56p-4);
    return p;
}
#endif

/* digamma(3/2 + y)/(3/2 + y - root); the first 2 terms apart */
#define DIGAMMA_RATIO_0 ((pair){ 0x1.e6f0cbb873617p-1, -0x1.f789c8f062b60p-55 })
#define DIGAMMA_RATIO_1 ((pair){ -0x1.b1cb63005ee97p-2, 0x1.7bb2bc26903b4p-56 })
#if FULL
FORMULA double digamma_ratio(double z) /* within 2^-56 */
{
    double p = -0x1.6b107f71aa124p-13;
    p = fma64(p, z, 0x1.104c9d0897b58p-12);
    p = fma64(p, z, -0x1.3db05b36d9a48p-13);
    p = fma64(p, z, 0x1.dc8ae08af0fc4p-13);
    p = fma64(p, z, -0x1.f99f529bd0771p-12);
    p = fma64(p, z, 0x1.7b3b41b0b38cdp-11);
    p = fma64(p, z, -0x1.1002aaf6255f5p-10);
    p = fma64(p, z, 0x1.980fc9c9f0be8p-10);
    p = fma64(p, z, -0x1.33661f9073563p-9);
    p = fma64(p, z, 0x1.cd3e42d157015p-9);
    p = fma64(p, z, -0x1.5a071c746535bp-8);
    p = fma64(p, z, 0x1.03c00801ba958p-7);
    p = fma64(p, z, -0x1.86355f6f68797p-7);
    p = fma64(p, z, 0x1.256475e5ac975p-6);
    p = fma64(p, z, -0x1.b9f8b1367959dp-6);
    p = fma64(p, z, 0x1.4de9aa05d3418p-5);
    p = fma64(p, z, -0x1.fb442029cdbf4p-5);
    p = fma64(p, z, 0x1.8512e5905d180p-4);
    p = fma64(p, z, -0x1.2feeeb98a7cd8p-3);
    p = fma64(p, z, 0x1.eca189b8e6da1p-3);
    return p;
}
#else
FORMULA double digamma_ratio(double z) /* within 2^-33 */
{
    double p = 0x1.5023bcde38802p-8;
    p = fma64(p, z, -0x1.f86ab73f1c5b6p-8);
    p = fma64(p, z, 0x1.e408c5bbea971p-8);
    p = fma64(p, z, -0x1.6b99e86822b97p-7);
    p = fma64(p, z, 0x1.26c4d20080fcap-6);
    p = fma64(p, z, -0x1.bc095633c9024p-6);
    p = fma64(p, z, 0x1.4ddc93abfb95bp-5);
    p = fma64(p, z, -0x1.fb307dca3332fp-5);
    p = fma64(p, z, 0x1.85131a6ff2db2p-4);
    p = fma64(p, z, -0x1.2fef1341f1b14p-3);
    p = fma64(p, z, 0x1.eca1897c3bf13p-3);
    return p;
}
#endif

/* (ln x - 1/(2x) - digamma(x)) x^2, w = 1/x^2 <= 1/64 */
#if FULL
FORMULA double digamma_tail(double z) /* within 2^-54 */
{
    double p = -0x1.329c9079bcef2p-2;
    p = fma64(p, z, 0x1.47c69710dec6fp-4);
    p = fma64(p, z, -0x1.58e68c895ad5bp-6);
    p = fma64(p, z, 0x1.f077209c326c0p-8);
    p = fma64(p, z, -0x1.11110c0ff8839p-8);
    p = fma64(p, z, 0x1.0410410195bbfp-8);
    p = fma64(p, z, -0x1.1111111110d4fp-7);
    p = fma64(p, z, 0x1.5555555555555p-4);
    return p;
}
#else
FORMULA double digamma_tail(double z) /* within 2^-35 */
{
    double p = -0x1.026adcf02bdefp-8;
    p = fma64(p, z, 0x1.03ec4772f206ep-8);
    p = fma64(p, z, -0x1.111102c738a65p-7);
    p = fma64(p, z, 0x1.555555551c412p-4);
    return p;
}
#endif

/* (I0(x) - 1)/z, z = x^2/4 <= 16 */
#if FULL
FORMULA pair i0_near(pair z) /* within 2^-76 */
{
    pair p = (pair){ 0x1.78dc8c51ed0cdp-105, -0x1.d46d6ebcc84e4p-159 };
    p = pair_step(p, z, (pair){ 0x1.1ebe19b60e9c3p-97, -0x1.da2cd96786248p-152 });
    p = pair_step(p, z, (pair){ 0x1.6f70b777509a0p-89, 0x1.3b572350bac38p-143 });
    p = pair_step(p, z, (pair){ 0x1.6960559968505p-81, -0x1.5cff08d5993c0p-137 });
    p = pair_step(p, z, (pair){ 0x1.3e2e8719bfdc6p-73, 0x1.ea25ef34df7a0p-130 });
    p = pair_step(p, z, (pair){ 0x1.e72404c556d3fp-66, -0x1.59eb23935e39cp-121 });
    p = pair_step(p, z, (pair){ 0x1.4197b684743b3p-58, 0x1.a7cbf18fb7c88p-112 });
    p = pair_step(p, z, (pair){ 0x1.69ca9c0252f23p-51, 0x1.784f8834f0628p-105 });
    p = pair_step(p, z, (pair){ 0x1.5601886a3b13fp-44, -0x1.f0038abd907f0p-101 });
    p = pair_step(p, z, (pair){ 0x1.0b3132894e3c0p-37, 0x1.33df75d33ff28p-91 });
    p = pair_step(p, z, (pair){ 0x1.522a43f65aa38p-31, 0x1.257417e31e200p-85 });
    p = pair_step(p, z, (pair){ 0x1.522a43f65448bp-25, -0x1.a9c19de6acd78p-81 });
    p = pair_step(p, z, (pair){ 0x1.02e85c0898b8cp-19, 0x1.13ca828378a18p-73 });
    p = pair_step(p, z, (pair){ 0x1.23456789abcdep-14, 0x1.bb991e8edcb00p-75 });
    p = pair_step(p, z, (pair){ 0x1.c71c71c71c71cp-10, 0x1.f4b51fdfb22d6p-64 });
    p = pair_step(p, z, (pair){ 0x1.c71c71c71c71cp-6, 0x1.c60ab754bbcbap-60 });
    p = pair_step(p, z, (pair){ 0x1.0000000000000p-2, 0x1.45854c1970000p-71 });
    p = pair_step(p, z, (pair){ 0x1.0000000000000p+0, -0x1.0137868400000p-76 });
    return p;
}
#else
FORMULA pair i0_near(pair z) /* within 2^-34 */
{
    double p = 0x1.4b5dc5aa43231p-50;
    p = fma64(p, z.hi, 0x1.e82372e59e021p-45);
    p = fma64(p, z.hi, 0x1.1c5f20950b6c7p-37);
    p = fma64(p, z.hi, 0x1.4e7dcd7395348p-31);
    p = fma64(p, z.hi, 0x1.52aa413d73531p-25);
    p = fma64(p, z.hi, 0x1.02dd3c0401ddep-19);
    p = fma64(p, z.hi, 0x1.23469b1807c57p-14);
    p = fma64(p, z.hi, 0x1.c71c4b20422ecp-10);
    p = fma64(p, z.hi, 0x1.c71c7443977cbp-6);
    p = fma64(p, z.hi, 0x1.ffffffe01e038p-3);
    p = fma64(p, z.hi, 0x1.00000000437aap+0);
    return (pair){ p, 0 };
}
#endif

/* (2 I1(x)/x - 1)/z, z = x^2/4 <= 16 */
#if FULL
FORMULA pair i1_near(pair z) /* within 2^-79 */
{
    pair p = (pair){ 0x1.37324dea07741p-109, -0x1.741afb551a9b4p-164 };
    p = pair_step(p, z, (pair){ 0x1.023bfecff8e43p-101, 0x1.b9d23ee2e8f80p-158 });
    p = pair_step(p, z, (pair){ 0x1.58fe2d73d8b3ap-93, 0x1.edf5818ff0fd8p-148 });
    p = pair_step(p, z, (pair){ 0x1.69806b2249f15p-85, 0x1.897d7ddfefc84p-139 });
    p = pair_step(p, z, (pair){ 0x1.5361920efb0acp-77, 0x1.44f5a321e0c70p-131 });
    p = pair_step(p, z, (pair){ 0x1.165df616194a3p-69, -0x1.1e82047c0f204p-124 });
    p = pair_step(p, z, (pair){ 0x1.8bce6406a47c7p-62, -0x1.73bca931b93aep-116 });
    p = pair_step(p, z, (pair){ 0x1.e2637b319e038p-55, 0x1.6e557aa8c33cap-109 });
    p = pair_step(p, z, (pair){ 0x1.f17697d86e749p-48, 0x1.237a1cb03d870p-103 });
    p = pair_step(p, z, (pair){ 0x1.ab81ea75a4e3dp-41, -0x1.987b7a739e2bcp-95 });
    p = pair_step(p, z, (pair){ 0x1.2c9758daf834ap-34, -0x1.e29846cb731f0p-91 });
    p = pair_step(p, z, (pair){ 0x1.522a43f6546e4p-28, -0x1.410b6ecb2db78p-84 });
    p = pair_step(p, z, (pair){ 0x1.27e4fb7789f67p-22, 0x1.bd1105531e344p-77 });
    p = pair_step(p, z, (pair){ 0x1.845c8a0ce5129p-17, -0x1.be4f59c3f9180p-74 });
    p = pair_step(p, z, (pair){ 0x1.6c16c16c16c17p-12, -0x1.e2b051b6a1bbcp-67 });
    p = pair_step(p, z, (pair){ 0x1.c71c71c71c71cp-8, 0x1.c6e69daacb3cap-62 });
    p = pair_step(p, z, (pair){ 0x1.5555555555555p-4, 0x1.5555d55bcd63cp-58 });
    p = pair_step(p, z, (pair){ 0x1.0000000000000p-1, -0x1.94a5698000000p-81 });
    return p;
}
#else
FORMULA pair i1_near(pair z) /* within 2^-31 */
{
    double p = 0x1.c5bf5fdb46575p-47;
    p = fma64(p, z.hi, 0x1.3428d878ab53dp-41);
    p = fma64(p, z.hi, 0x1.3eefbeec93e88p-34);
    p = fma64(p, z.hi, 0x1.4ed1cc4a32afep-28);
    p = fma64(p, z.hi, 0x1.2844bfde2a183p-22);
    p = fma64(p, z.hi, 0x1.844f92b6c3621p-17);
    p = fma64(p, z.hi, 0x1.6c17c29bef8ddp-12);
    p = fma64(p, z.hi, 0x1.c71c5d97ce0eep-8);
    p = fma64(p, z.hi, 0x1.555555f24c2a6p-4);
    p = fma64(p, z.hi, 0x1.fffffffcdbf5ap-2);
    return (pair){ p, 0 };
}
#endif

/* sqrt(x) exp(-x) I0(x), z = 1/x - 1/16 <= 1/16; the first term apart */
#define I0_FAR_0 ((pair){ 0x1.9bd428ad249a5p-2, -0x1.b7798c6c226e6p-56 })
#if FULL
FORMULA double i0_far(double z) /* within 2^-58 */
{
    double p = 0x1.6e48b56608f90p+64;
    p = fma64(p, z, -0x1.03b4aa8a9e407p+62);
    p = fma64(p, z, -0x1.4b4eae130efc2p+59);
    p = fma64(p, z, 0x1.ec7656d43152ap+56);
    p = fma64(p, z, 0x1.1998ba2c8ef47p+53);
    p = fma64(p, z, -0x1.b5e3e7f99d058p+50);
    p = fma64(p, z, -0x1.3ab3b1c19a518p+46);
    p = fma64(p, z, 0x1.ee943d682b9f4p+43);
    p = fma64(p, z, 0x1.2159f0c508719p+39);
    p = fma64(p, z, -0x1.9683a45b51615p+36);
    p = fma64(p, z, -0x1.0c5d8b2e86f47p+32);
    p = fma64(p, z, 0x1.fcf3dd682ab36p+28);
    p = fma64(p, z, 0x1.09d8aa3fc68b0p+25);
    p = fma64(p, z, -0x1.72b4495699537p+20);
    p = fma64(p, z, -0x1.ceb2c3f3c2085p+17);
    p = fma64(p, z, -0x1.cfe4f8bebe7e4p+12);
    p = fma64(p, z, 0x1.03fa571f405c2p+9);
    p = fma64(p, z, 0x1.723509510cd4ap+6);
    p = fma64(p, z, 0x1.51cb3832a6046p+3);
    p = fma64(p, z, 0x1.7d0f0727d6a9dp+0);
    p = fma64(p, z, 0x1.3f49af1ca6576p-2);
    p = fma64(p, z, 0x1.8e513a7ddffecp-4);
    p = fma64(p, z, 0x1.75e5ee6fabb85p-5);
    p = fma64(p, z, 0x1.1daa72b5e22b2p-5);
    p = fma64(p, z, 0x1.b87969bb93bd2p-5);
    return p;
}
#else
FORMULA double i0_far(double z) /* within 2^-35 */
{
    double p = -0x1.0549af0deb682p+9;
    p = fma64(p, z, 0x1.890ca334d7dd2p+2);
    p = fma64(p, z, 0x1.a260057098b05p+3);
    p = fma64(p, z, 0x1.c67d5abdc5f50p+0);
    p = fma64(p, z, 0x1.3c4383e6b0d90p-2);
    p = fma64(p, z, 0x1.8cb8c8ec27089p-4);
    p = fma64(p, z, 0x1.75e8b706d3b8dp-5);
    p = fma64(p, z, 0x1.1daad75177365p-5);
    p = fma64(p, z, 0x1.b87969ad8ea15p-5);
    return p;
}
#endif

/* I1(x)/I0(x), z = 1/x - 1/16 <= 1/16; the first term apart */
#define RATIO_FAR_0 ((pair){ 0x1.efbb8c6149702p-1, -0x1.c0014b089cc34p-55 })
#if FULL
FORMULA double ratio_far(double z) /* within 2^-59 */
{
    double p = 0x1.456426a933166p+79;
    p = fma64(p, z, 0x1.5c66d642152b1p+74);
    p = fma64(p, z, -0x1.5378fbbb9470bp+74);
    p = fma64(p, z, -0x1.549849c00424ap+69);
    p = fma64(p, z, 0x1.4c1a989123cc6p+68);
    p = fma64(p, z, 0x1.33af868de10a9p+63);
    p = fma64(p, z, -0x1.9a93c68389cfcp+61);
    p = fma64(p, z, -0x1.5befeb218854ep+56);
    p = fma64(p, z, 0x1.701e25551337ep+54);
    p = fma64(p, z, 0x1.23193d31c2409p+49);
    p = fma64(p, z, -0x1.0785d41e38908p+47);
    p = fma64(p, z, -0x1.b1c8bea482743p+41);
    p = fma64(p, z, 0x1.449b08093719bp+39);
    p = fma64(p, z, 0x1.639b117fa2616p+34);
    p = fma64(p, z, -0x1.5b837a03aea42p+31);
    p = fma64(p, z, -0x1.4f8c5e1241d26p+27);
    p = fma64(p, z, 0x1.d7ab83dbee6f2p+22);
    p = fma64(p, z, 0x1.1e8ff618b577bp+20);
    p = fma64(p, z, 0x1.21985ff1b8ee5p+15);
    p = fma64(p, z, -0x1.390b2c9f521f7p+11);
    p = fma64(p, z, -0x1.c243027889d73p+8);
    p = fma64(p, z, -0x1.97fc7f46d27fdp+5);
    p = fma64(p, z, -0x1.c421f091e4df7p+2);
    p = fma64(p, z, -0x1.70ef589ae9db7p+0);
    p = fma64(p, z, -0x1.bd0c36bf14fc5p-2);
    p = fma64(p, z, -0x1.9496d4e7fc971p-3);
    p = fma64(p, z, -0x1.3c16cdac067f5p-3);
    p = fma64(p, z, -0x1.08de169cdb527p-1);
    return p;
}
#else
FORMULA double ratio_far(double z) /* within 2^-33 */
{
    double p = 0x1.467f1a47b57a2p+11;
    p = fma64(p, z, -0x1.666fd7d36b2a6p+4);
    p = fma64(p, z, -0x1.fa5039aa35daep+5);
    p = fma64(p, z, -0x1.0f5fc7160d448p+3);
    p = fma64(p, z, -0x1.6d41aad21fa65p+0);
    p = fma64(p, z, -0x1.bb14e60e8c16cp-2);
    p = fma64(p, z, -0x1.949a3643da4acp-3);
    p = fma64(p, z, -0x1.3c17499192895p-3);
    p = fma64(p, z, -0x1.08de16989a0d0p-1);
    return p;
}
#endif

/* sin(pi x)/x, z = x^2 <= 1/16; the first term apart */
#define SINPI_RATIO_0 ((pair){ 0x1.921fb54442d18p+1, 0x1.1a5f137c645c8p-53 })
#if FULL
FORMULA double sinpi_ratio(double z) /* within 2^-57 */
{
    double p = -0x1.6c5b875d4e739p-16;
    p = fma64(p, z, 0x1.e8eed12ee00a3p-12);
    p = fma64(p, z, -0x1.e3074b4ff3058p-8);
    p = fma64(p, z, 0x1.50783485cbd83p-4);
    p = fma64(p, z, -0x1.32d2cce62ac22p-1);
    p = fma64(p, z, 0x1.466bc6775aad9p+1);
    p = fma64(p, z, -0x1.4abbce625be53p+2);
    return p;
}
#else
FORMULA double sinpi_ratio(double z) /* within 2^-38 */
{
    double p = 0x1.4bc85ccb213adp-4;
    p = fma64(p, z, -0x1.32ca9d79fc665p-1);
    p = fma64(p, z, 0x1.466bbac8a54e8p+1);
    p = fma64(p, z, -0x1.4abbce56ae6e6p+2);
    return p;
}
#endif

/* (1 - cos(pi x))/x^2, z = x^2 <= 1/16; the first term apart */
#define COSPI_TAIL_0 ((pair){ 0x1.3bd3cc9be45dep+2, 0x1.692b272ecdaeep-52 })
#if FULL
FORMULA double cospi_tail(double z) /* within 2^-58 */
{
    double p = -0x1.1e745e5e09f6dp-18;
    p = fma64(p, z, 0x1.b6de8b8e9ba08p-14);
    p = fma64(p, z, -0x1.f9d3870871194p-10);
    p = fma64(p, z, 0x1.a6d1f2a086c90p-6);
    p = fma64(p, z, -0x1.e1f506891ae95p-3);
    p = fma64(p, z, 0x1.55d3c7e3cbff7p+0);
    p = fma64(p, z, -0x1.03c1f081b5ac4p+2);
    return p;
}
#else
FORMULA double cospi_tail(double z) /* within 2^-40 */
{
    double p = 0x1.a1e852987c3d8p-6;
    p = fma64(p, z, -0x1.e1ec718e563c5p-3);
    p = fma64(p, z, 0x1.55d3c1c3c3160p+0);
    p = fma64(p, z, -0x1.03c1f07ea5ef5p+2);
    return p;
}
#endif

#else

/* (exp(r) - 1 - r)/r^2 */
FORMULA float exp_float(float r) /* within 2^-22.8 */
{
    float p = 0x1.6d10fc0000000p-10F;
    p = fma32(p, r, 0x1.120b620000000p-7F);
    p = fma32(p, r, 0x1.55551a0000000p-5F);
    p = fma32(p, r, 0x1.5554de0000000p-3F);
    p = fma32(p, r, 0x1.0000000000000p-1F);
    return p;
}

/* (ln(1 + e) - e)/e^2 */
FORMULA float log1p_float(float r) /* within 2^-23.7 */
{
    float p = -0x1.24b2980000000p-8F;
    p = fma32(p, r, 0x1.9d455a0000000p-6F);
    p = fma32(p, r, -0x1.11708c0000000p-4F);
    p = fma32(p, r, 0x1.d992bc0000000p-4F);
    p = fma32(p, r, -0x1.448ee20000000p-3F);
    p = fma32(p, r, 0x1.969cb20000000p-3F);
    p = fma32(p, r, -0x1.ffb95c0000000p-3F);
    p = fma32(p, r, 0x1.55540c0000000p-2F);
    p = fma32(p, r, -0x1.fffffe0000000p-2F);
    return p;
}

/* (ln(1 + f) - f)/f^2 between sqrt(1/2) and sqrt 2 */
FORMULA float log_float(float r) /* within 2^-23.7 */
{
    float p = -0x1.3a4ff60000000p-4F;
    p = fma32(p, r, 0x1.048f720000000p-3F);
    p = fma32(p, r, -0x1.0cda320000000p-3F);
    p = fma32(p, r, 0x1.22ea5a0000000p-3F);
    p = fma32(p, r, -0x1.5483820000000p-3F);
    p = fma32(p, r, 0x1.99a0120000000p-3F);
    p = fma32(p, r, -0x1.00020c0000000p-2F);
    p = fma32(p, r, 0x1.5555540000000p-2F);
    p = fma32(p, r, -0x1.fffffe0000000p-2F);
    return p;
}

/* (2 atanh(s) - 2s)/s^3, s^2 <= 1/4 */
FORMULA float atanh_float(float r) /* within 2^-25.0 */
{
    float p = 0x1.4015d60000000p-2F;
    p = fma32(p, r, 0x1.4f2f8e0000000p-4F);
    p = fma32(p, r, 0x1.8f70820000000p-3F);
    p = fma32(p, r, 0x1.c4a45a0000000p-3F);
    p = fma32(p, r, 0x1.249fc40000000p-2F);
    p = fma32(p, r, 0x1.9999640000000p-2F);
    p = fma32(p, r, 0x1.5555560000000p-1F);
    return p;
}

#endif
#endif
