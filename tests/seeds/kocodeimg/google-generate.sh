curl -X POST "https://your-domain.com/google/v1beta/models/gemini-2.0-flash-exp:generateContent" \
  -H "Authorization: Bearer sk-koci_your_api_key" \
  -H "Content-Type: application/json" \
  -d '{
  "contents": [{
    "parts": [{"text": "生成一张赛博朋克城市的图片"}]
  }],
  "generationConfig": {
    "responseModalities": ["TEXT", "IMAGE"]
  }
}'
